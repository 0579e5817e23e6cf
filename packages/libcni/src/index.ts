export type { Attachment, ValidAttachment } from "./attachment.ts";
export type { CachedAttachment } from "./cache/cache-entry.ts";
export type { Cni, CniOptions } from "./cni.ts";
export { loadNetworks, type LoadNetworksOptions } from "./config/load-networks.ts";
export { parseNetworkList, withVersion, type NetworkList, type PluginConfig } from "./config/network-list.ts";
export {
  watchNetworks,
  type NetworkState,
  type NetworkWatch,
  type WatchNetworksOptions,
} from "./config/watch-networks.ts";
export { createCni } from "./create-cni.ts";
export { findPlugin } from "./execution/find-plugin.ts";
export type { CniCommand, PluginExec, PluginExit, PluginRun } from "./execution/plugin-exec.ts";
export type { SpawnChild, SpawnedChild, SpawnRequest } from "./execution/spawn-child.ts";
export { spawnExec, type SpawnExecOptions } from "./execution/spawn-exec.ts";
export type { JsonObject } from "./json.ts";
export { PluginError, type PluginFailure } from "./plugin-error.ts";
export { decodeResult, parseResult } from "./results/decode-result.ts";
export { encodeResult } from "./results/encode-result.ts";
export { mergeResults, type AttachedResult, type MergedInterface, type MergedResult } from "./results/merge-results.ts";
export { podAddresses, type IpPreference, type PodAddresses } from "./results/pod-addresses.ts";
export type {
  AddResult,
  Dns,
  FamilyConfig,
  Interface,
  IpConfig,
  PlainInterface,
  PlainRoute,
  Result02,
  Result04,
  Result10,
  Route,
  VersionedResult,
} from "./results/types.ts";
export type { CniTimeouts, PluginStderr } from "./verbs/context.ts";
export type { PluginVersions } from "./verbs/version.ts";
export { newestVersion, supportedVersions, type CniVersion } from "./version.ts";

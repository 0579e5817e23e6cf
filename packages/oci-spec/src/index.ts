export { type JsonLimits, parseBoundedJson } from "./image/bounded-json.ts";
export { chainIds } from "./image/chain-ids.ts";
export { digestAlgorithm, type DigestAlgorithm, digestHex, digestOf, isDigest, parseDigest } from "./image/digest.ts";
export { type ImageConfigLimits, parseImageConfig } from "./image/image-config.ts";
export { parseImageUser } from "./image/image-user.ts";
export { type ManifestLimits, parseManifest } from "./image/manifest.ts";
export {
  acceptedManifestTypes,
  isForeignLayerType,
  isIndexType,
  isLayerType,
  isManifestType,
  mediaTypes,
} from "./image/media-types.ts";
export { digestReference, formatReference, parseReference, tagReference } from "./image/reference.ts";
export { selectPlatform } from "./image/select-platform.ts";
export type {
  Descriptor,
  Digest,
  ImageConfig,
  ImageIndex,
  ImageManifest,
  ImageReference,
  ImageUser,
} from "./image/types.ts";
export { type PlatformName, platformOf } from "./platform.ts";
export type {
  BlockIo,
  BlockIoRate,
  Capabilities,
  DeviceRule,
  Hook,
  Hooks,
  IntelRdt,
  LinuxDevice,
  LinuxIdMapping,
  LinuxNamespace,
  LinuxNamespaceType,
  LinuxResources,
  LinuxSpec,
  Mount,
  Process,
  Rlimit,
  Root,
  RuntimeSpec,
  Scheduler,
  SeccompProfile,
  SeccompRule,
  User,
} from "./runtime-spec.ts";
export { parseSeccompProfile } from "./seccomp.ts";

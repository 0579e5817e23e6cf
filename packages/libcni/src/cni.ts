import type { StatusError } from "@crib/errdefs";

import type { Attachment, ValidAttachment } from "./attachment.ts";
import type { CachedAttachment } from "./cache/cache-entry.ts";
import type { NetworkList } from "./config/network-list.ts";
import type { PluginExec } from "./execution/plugin-exec.ts";
import type { AddResult } from "./results/types.ts";
import type { CniTimeouts, PluginStderr } from "./verbs/context.ts";
import type { PluginVersions } from "./verbs/version.ts";

/** Options of `createCni`. */
export interface CniOptions {
  /** Absolute directories searched for binaries, in order; also given to the plugins as `CNI_PATH`. */
  readonly pluginDirs: readonly string[];
  /** Holds `results/`; made when first needed. */
  readonly cacheDir: string;
  /** For the plugins' stdin, see `spawnExec`; best on a tmpfs. Default `cacheDir`. */
  readonly scratchDir?: string;
  /** How programs are found and run; default `spawnExec`. */
  readonly exec?: PluginExec;
  readonly timeouts?: Partial<CniTimeouts>;
  /** The plugins' environment besides `CNI_*`; default this process's `PATH` alone. */
  readonly env?: Readonly<Record<string, string>>;
  /** Plugin processes at one time; further runs wait. Default 32. */
  readonly maxProcesses?: number;
  /** Told what a plugin that ended by itself wrote to stderr; default: dropped (errors carry it). */
  readonly onStderr?: (stderr: PluginStderr) => void;
}

/**
 * The library side of the specification. Calls for one container run one after the other, in order, as the specification
 * demands; GC of a network runs alone on it. Waiting costs no budget and ends with the signal. After a
 * budget, or a grace after an abort, the plugin's whole process group is killed; the call rejects only when it is dead.
 */
export interface Cni {
  /**
   * Attaches a container. On failure nothing is undone: call `del`, which finds all it needs in the cache.
   * `AlreadyExists` when it is attached, or when a failed ADD was not undone.
   */
  add(list: NetworkList, attachment: Attachment, signal: AbortSignal): Promise<AddResult>;
  /**
   * Detaches; repeating succeeds. The configuration, result and arguments of the cache are used where present, else those
   * given; without a list, every network that the cache knows for this container's interface is left, and none is success.
   * All plugins of a chain are attempted; the cache is kept until all succeeded.
   */
  del(list: NetworkList | undefined, attachment: Attachment, signal: AbortSignal): Promise<void>;
  /** Whether the attachment is still as ADD left it: throws if not. Nothing is done if the list says `disableCheck`. */
  check(list: NetworkList, attachment: Attachment, signal: AbortSignal): Promise<void>;
  /** Whether the network can take ADD: throws if not. Before 1.1.0 only the presence of the binaries is tested. */
  status(list: NetworkList, signal: AbortSignal): Promise<void>;
  /** Frees what belongs to none of the valid attachments: cached ones by DEL, others (from 1.1.0 on) by the plugins' GC. */
  gc(list: NetworkList, valid: readonly ValidAttachment[], signal: AbortSignal): Promise<void>;
  /** Which versions a plugin speaks. */
  version(pluginType: string, signal: AbortSignal): Promise<PluginVersions>;
  /** The list at the highest version it declares that all plugins speak; `add`, `status` and `gc` do this themselves. */
  negotiate(list: NetworkList, signal: AbortSignal): Promise<NetworkList>;
  /** All attachments in the cache, half-made ones without `result`; unreadable files are left out. */
  cached(): Promise<readonly CachedAttachment[]>;
  /** The cache's files that cannot be read, each with the reason. */
  cacheProblems(): Promise<readonly { readonly file: string; readonly error: StatusError }[]>;
  /** The result of a finished ADD; undefined when there is none or it cannot be read. */
  cachedResult(networkName: string, containerId: string, ifName: string): Promise<AddResult | undefined>;
}

import { Code, StatusError } from "@crib/errdefs";

import {
  checkAttachment,
  checkIdentity,
  checkNetworkName,
  type Attachment,
  type ValidAttachment,
} from "./attachment.ts";
import { AttachmentCache } from "./cache/attachment-cache.ts";
import type { CachedAttachment } from "./cache/cache-entry.ts";
import type { NetworkList } from "./config/network-list.ts";
import { KeyedGate } from "./execution/keyed-gate.ts";
import type { PluginExec } from "./execution/plugin-exec.ts";
import { ProcessSlots } from "./execution/process-slots.ts";
import { spawnExec } from "./execution/spawn-exec.ts";
import type { AddResult } from "./results/types.ts";
import { addNetwork } from "./verbs/add.ts";
import { checkNetwork } from "./verbs/check.ts";
import type { CniContext, CniTimeouts, PluginStderr } from "./verbs/context.ts";
import { delNetwork } from "./verbs/del.ts";
import { gcNetwork } from "./verbs/gc.ts";
import { joinErrors } from "./verbs/join-errors.ts";
import { statusOfNetwork } from "./verbs/status.ts";
import { negotiateVersion, versionsOfPlugin, type PluginVersions } from "./verbs/version.ts";

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
 * demands; GC of a network runs alone on it. Waiting costs no budget and ends with the signal. On abort or after a budget
 * the plugin's whole process group is killed, and the call rejects only when it is dead.
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

const defaultTimeouts: CniTimeouts = {
  addMs: 90_000,
  delMs: 60_000,
  checkMs: 30_000,
  statusMs: 10_000,
  gcMs: 60_000,
  versionMs: 10_000,
};
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A `Cni` over plugin directories and a cache. Nothing is touched before the first call. */
export function createCni(options: CniOptions): Cni {
  const context = createContext(options);
  // Taken in this order, so that a GC waiting for a network never waits for one that waits for it.
  const networks = new KeyedGate("network");
  const containers = new KeyedGate("container");
  const { cache } = context;

  function oneAtATime<T>(
    network: string,
    containerId: string,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T> {
    return networks.shared(network, signal, () => containers.exclusive(containerId, signal, work));
  }

  return {
    async add(list, attachment, signal) {
      checkAttachment(attachment, `attaching to network "${list.name}"`, { netns: "required" });
      const negotiated = await negotiateVersion(context, list, signal);
      return oneAtATime(list.name, attachment.containerId, signal, () =>
        addNetwork(context, negotiated, attachment, signal),
      );
    },
    async del(list, attachment, signal) {
      checkAttachment(attachment, "detaching from networks", { netns: "optional" });
      const { containerId } = attachment;
      const names = list === undefined ? await knownNetworks(cache, attachment) : [list.name];
      const errors: StatusError[] = [];
      for (const name of names) {
        const work = (): Promise<void> => delNetwork(context, name, list, attachment, signal);
        await oneAtATime(name, containerId, signal, work).catch((reason: unknown) =>
          errors.push(StatusError.from(reason)),
        );
      }
      if (errors.length > 0) throw joinErrors(errors);
    },
    async check(list, attachment, signal) {
      checkAttachment(attachment, `checking network "${list.name}"`, { netns: "required" });
      await oneAtATime(list.name, attachment.containerId, signal, () =>
        checkNetwork(context, list, attachment, signal),
      );
    },
    async status(list, signal) {
      await statusOfNetwork(context, await negotiateVersion(context, list, signal), signal);
    },
    async gc(list, valid, signal) {
      for (const attachment of valid) checkIdentity(attachment, `collecting garbage of network "${list.name}"`);
      const negotiated = await negotiateVersion(context, list, signal);
      const undo = (stale: Attachment): Promise<void> =>
        containers.exclusive(stale.containerId, signal, () => delNetwork(context, list.name, list, stale, signal));
      await networks.exclusive(list.name, signal, () => gcNetwork(context, negotiated, valid, undo, signal));
    },
    version: (pluginType, signal) => versionsOfPlugin(context, pluginType, signal),
    negotiate: (list, signal) => negotiateVersion(context, list, signal),
    async cached() {
      return (await cache.list()).flatMap((file) => (file.kind === "found" ? [file.entry] : []));
    },
    async cacheProblems() {
      return (await cache.list()).flatMap((file) =>
        file.kind === "found" ? [] : [{ file: file.file, error: file.error }],
      );
    },
    async cachedResult(networkName, containerId, ifName) {
      checkNetworkName(networkName, "reading cached CNI result");
      checkIdentity({ containerId, ifName }, "reading cached CNI result");
      const state = await cache.read({ networkName, containerId, ifName });
      return state.kind === "found" ? state.entry.result : undefined;
    },
  };
}

function createContext(options: CniOptions): CniContext {
  const { pluginDirs, cacheDir, scratchDir = cacheDir, exec, timeouts, maxProcesses = 32, onStderr } = options;
  const { env = { PATH: process.env["PATH"] ?? defaultPath } } = options;
  for (const dir of pluginDirs)
    if (!dir.startsWith("/") || dir.includes(":"))
      throw new StatusError(
        Code.InvalidArgument,
        `creating CNI: plugin directory ${JSON.stringify(dir)} is no absolute path without ":"`,
      );
  return {
    exec: exec ?? spawnExec({ scratchDir }),
    pluginDirs,
    // The caller's own CNI_ARGS, were it run as a plugin itself, must not reach other plugins.
    env: Object.fromEntries(Object.entries(env).filter(([key]) => !key.startsWith("CNI_"))),
    timeouts: { ...defaultTimeouts, ...timeouts },
    slots: new ProcessSlots(maxProcesses),
    cache: new AttachmentCache(cacheDir),
    onStderr: onStderr ?? (() => {}),
  };
}

async function knownNetworks(cache: AttachmentCache, { containerId, ifName }: Attachment): Promise<readonly string[]> {
  const files = await cache.find(containerId, ifName);
  return files.map((file) => {
    if (file.kind === "unreadable") throw file.error;
    return file.entry.networkName;
  });
}

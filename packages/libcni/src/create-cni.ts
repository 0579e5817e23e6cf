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
import type { Cni, CniOptions } from "./cni.ts";
import type { NetworkList } from "./config/network-list.ts";
import { KeyedGate } from "./execution/keyed-gate.ts";
import { ProcessSlots } from "./execution/process-slots.ts";
import { spawnExec } from "./execution/spawn-exec.ts";
import type { AddResult } from "./results/types.ts";
import { addNetwork } from "./verbs/add.ts";
import { checkNetwork } from "./verbs/check.ts";
import type { CniContext, CniTimeouts } from "./verbs/context.ts";
import { delNetwork } from "./verbs/del.ts";
import { gcNetwork } from "./verbs/gc.ts";
import { joinErrors } from "./verbs/join-errors.ts";
import { statusOfNetwork } from "./verbs/status.ts";
import { negotiateVersion, versionsOfPlugin, type PluginVersions } from "./verbs/version.ts";

const defaultTimeouts: CniTimeouts = {
  addMs: 90_000,
  delMs: 60_000,
  checkMs: 30_000,
  statusMs: 10_000,
  gcMs: 60_000,
  versionMs: 10_000,
  abortGraceMs: 1_000,
};
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A `Cni` over plugin directories and a cache. Nothing is touched before the first call. */
export function createCni(options: CniOptions): Cni {
  return new SerialCni(createContext(options));
}

/** Puts the verbs in the order that the specification demands. */
class SerialCni implements Cni {
  readonly #context: CniContext;
  // Taken in this order. GC takes the last two only, so it never waits for a call that waits for its network.
  readonly #arrivals = new KeyedGate("container");
  readonly #networks = new KeyedGate("network");
  readonly #containers = new KeyedGate("container");

  constructor(context: CniContext) {
    this.#context = context;
  }

  async add(list: NetworkList, attachment: Attachment, signal: AbortSignal): Promise<AddResult> {
    checkAttachment(attachment, `attaching to network "${list.name}"`, { netns: "required" });
    const { containerId } = attachment;
    return this.#arrivals.exclusive(containerId, signal, () =>
      this.#inTurn(list.name, containerId, signal, async () => {
        const negotiated = await negotiateVersion(this.#context, list, signal);
        return addNetwork(this.#context, negotiated, attachment, signal);
      }),
    );
  }

  async del(list: NetworkList | undefined, attachment: Attachment, signal: AbortSignal): Promise<void> {
    checkAttachment(attachment, "detaching from networks", { netns: "optional" });
    const { containerId } = attachment;
    // The cache is looked up in turn as well: an ADD before this call may be about to enter it.
    await this.#arrivals.exclusive(containerId, signal, async () => {
      const names = list === undefined ? await this.#knownNetworks(attachment) : [list.name];
      const errors: StatusError[] = [];
      for (const name of names) {
        const work = (): Promise<void> => delNetwork(this.#context, name, list, attachment, signal);
        await this.#inTurn(name, containerId, signal, work).catch((reason: unknown) => {
          errors.push(StatusError.from(reason));
        });
      }
      if (errors.length > 0) throw joinErrors(errors);
    });
  }

  async check(list: NetworkList, attachment: Attachment, signal: AbortSignal): Promise<void> {
    checkAttachment(attachment, `checking network "${list.name}"`, { netns: "required" });
    const { containerId } = attachment;
    const work = (): Promise<void> => checkNetwork(this.#context, list, attachment, signal);
    await this.#arrivals.exclusive(containerId, signal, () => this.#inTurn(list.name, containerId, signal, work));
  }

  async status(list: NetworkList, signal: AbortSignal): Promise<void> {
    await statusOfNetwork(this.#context, await this.negotiate(list, signal), signal);
  }

  async gc(list: NetworkList, valid: readonly ValidAttachment[], signal: AbortSignal): Promise<void> {
    for (const attachment of valid) checkIdentity(attachment, `collecting garbage of network "${list.name}"`);
    const undo = (stale: Attachment): Promise<void> =>
      this.#containers.exclusive(stale.containerId, signal, () =>
        delNetwork(this.#context, list.name, list, stale, signal),
      );
    await this.#networks.exclusive(list.name, signal, async () => {
      const negotiated = await negotiateVersion(this.#context, list, signal);
      await gcNetwork(this.#context, negotiated, valid, undo, signal);
    });
  }

  version(pluginType: string, signal: AbortSignal): Promise<PluginVersions> {
    return versionsOfPlugin(this.#context, pluginType, signal);
  }

  negotiate(list: NetworkList, signal: AbortSignal): Promise<NetworkList> {
    return negotiateVersion(this.#context, list, signal);
  }

  async cached(): Promise<readonly CachedAttachment[]> {
    const files = await this.#context.cache.list();
    return files.flatMap((file) => (file.kind === "found" ? [file.entry] : []));
  }

  async cacheProblems(): Promise<readonly { readonly file: string; readonly error: StatusError }[]> {
    const files = await this.#context.cache.list();
    return files.flatMap((file) => (file.kind === "found" ? [] : [{ file: file.file, error: file.error }]));
  }

  async cachedResult(networkName: string, containerId: string, ifName: string): Promise<AddResult | undefined> {
    checkNetworkName(networkName, "reading cached CNI result");
    checkIdentity({ containerId, ifName }, "reading cached CNI result");
    const state = await this.#context.cache.read({ networkName, containerId, ifName });
    return state.kind === "found" ? state.entry.result : undefined;
  }

  #inTurn<T>(network: string, containerId: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#networks.shared(network, signal, () => this.#containers.exclusive(containerId, signal, work));
  }

  async #knownNetworks({ containerId, ifName }: Attachment): Promise<readonly string[]> {
    const files = await this.#context.cache.find(containerId, ifName);
    return files.map((file) => {
      if (file.kind === "unreadable") throw file.error;
      return file.entry.networkName;
    });
  }
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

import type { Any } from "@bufbuild/protobuf/wkt";
import { Code, hasCode, StatusError } from "@crib/errdefs";
import { killCgroup } from "@crib/linux";
import type { ProcessIdentity, Sandbox, TaskEndpoint } from "@crib/sandboxer";

import type { LaunchedShim } from "../../tasks/index.ts";
import { shutdownSandbox } from "./calls/end-sandbox.ts";
import { watchSandbox } from "./calls/watch-sandbox.ts";
import type { SandboxClient } from "./client/sandbox-client.ts";
import { ShimLink } from "./client/shim-link.ts";
import { readShimSandbox, shimSandboxFiles, shimSandboxSpec } from "./shim-bundle.ts";
import { ShimPod } from "./shim-pod.ts";
import type { ShimControllerBudgets, ShimControllerOptions } from "./types.ts";

/** Milliseconds for a connection to a shim to be taken. */
const connectMs = 2_000;

/** Milliseconds for the processes of a pod to go after they were killed. */
const killMs = 5_000;

/** What a failed `create` has to take back its shim. */
const takeBackMs = 30_000;

/** The shims of pods, and all that is done to a pod by way of its shim's processes. */
export class PodShims {
  readonly #options: ShimControllerOptions;
  readonly #budgets: ShimControllerBudgets;
  /** The processes of shims, by sandbox id, as far as they are known. */
  readonly #servers = new Map<string, ProcessIdentity>();

  constructor(options: ShimControllerOptions, budgets: ShimControllerBudgets) {
    this.#options = options;
    this.#budgets = budgets;
  }

  /**
   * Starts the shim of a pod and has it create the sandbox; a failed call takes all of it back. FailedPrecondition when the shim does not
   * serve the Sandbox API.
   */
  async create(pod: ShimPod, signal: AbortSignal): Promise<void> {
    const { sandbox, id } = pod;
    const { shims, handlerOf } = this.#options;
    const { runtimeType, runtimePath, options } = handlerOf(sandbox.runtimeHandler);
    const specJson = JSON.stringify(shimSandboxSpec(sandbox));
    const files = shimSandboxFiles(sandbox);
    const shim = await shims.launch({ id, runtimeType, runtimePath, options, specJson, files }, signal);
    pod.link = this.#link(shim);
    try {
      const found = this.#findServer(id, signal);
      try {
        await this.#createIn(shim, sandbox, pod.link, signal);
      } finally {
        await found;
      }
    } catch (error) {
      await this.#takeBack(pod);
      throw error;
    }
  }

  /** The connection to the shim of a pod. FailedPrecondition where it never said where it answers. */
  async client({ id, link }: ShimPod, signal: AbortSignal): Promise<SandboxClient> {
    if (link !== undefined) return await link.open(signal);
    throw new StatusError(Code.FailedPrecondition, `asking the shim of sandbox "${id}": it does not serve`);
  }

  /** The pod of a bundle that this daemon was never told of, for it to be ended; undefined without a bundle, or without a shim in it. */
  async recall(id: string, signal: AbortSignal): Promise<ShimPod | undefined> {
    const { shims } = this.#options;
    const sandbox = await readShimSandbox(shims, id);
    if (sandbox === undefined) return undefined;
    const pod = new ShimPod(sandbox);
    await this.reopen(pod, signal);
    if (pod.link === undefined) return undefined;
    pod.state = { kind: "ready", createdAt: new Date(0) };
    return pod;
  }

  /** Finds where the shim of a pod answers, from its bundle; leaves `link` undefined where that does not say. Asks nobody. */
  async reopen(pod: ShimPod, signal: AbortSignal): Promise<void> {
    try {
      pod.link = this.#link(await this.#options.shims.recall(pod.id, signal));
      await this.#findServer(pod.id, signal);
    } catch (error) {
      if (!hasCode(error, Code.NotFound)) throw error;
    }
  }

  /** Settles the pod's exit when it ends, until it is left. */
  watch(pod: ShimPod): void {
    const { id, link, exit, leaving } = pod;
    if (link === undefined) return;
    const server = (): ProcessIdentity | undefined => this.#servers.get(id);
    const endOrphans = (): Promise<void> => this.endOrphans(pod);
    void watchSandbox({ id, link, exit, server, statusMs: this.#budgets.other, endOrphans }, leaving.signal);
  }

  /** After the death of a shim: nothing of its pod may run on unseen. Files wait for `remove`. Never rejects. */
  async endOrphans(pod: ShimPod): Promise<void> {
    try {
      await this.kill(pod, pod.leaving.signal);
    } catch (error) {
      if (pod.leaving.signal.aborted || this.#options.shims.closing.aborted) return;
      const fields = { sandboxId: pod.id, error: (error as Error).message };
      this.#options.log("error", "orphans of a dead shim are left", fields);
    }
  }

  /** Ends the shim, what it has started, and all else in the pod's cgroup, at once. */
  async kill({ id, sandbox }: ShimPod, signal: AbortSignal): Promise<void> {
    await this.#options.shims.kill(id, signal);
    await killCgroup(sandbox.cgroupPath, { timeoutMs: killMs });
  }

  /** Has the shim free everything and end, and removes what is left, by force where the shim does not do it. Unknown is success. */
  async remove(id: string, pod: ShimPod | undefined, signal: AbortSignal): Promise<void> {
    const { shims } = this.#options;
    const gone = pod ?? (await this.recall(id, signal));
    const cgroupPath = gone?.sandbox.cgroupPath ?? (await readShimSandbox(shims, id))?.cgroupPath;
    const server = this.#servers.get(id);
    await shims.remove(id, signal, async (signal) => {
      if (gone?.link === undefined) return false;
      return await shutdownSandbox({ id, link: gone.link, budgets: this.#budgets }, server, signal);
    });
    // A bundle that somebody took away names no shim; its marker does.
    if (gone === undefined) await shims.kill(id, signal);
    gone?.link?.close();
    // What a runtime that was at work until its shim went may have put there meanwhile. The cgroup bears the sandbox's own id.
    if (cgroupPath !== undefined) await killCgroup(cgroupPath, { timeoutMs: killMs });
    this.#servers.delete(id);
  }

  #link({ id, endpoint }: { readonly id: string; readonly endpoint: TaskEndpoint }): ShimLink {
    const { namespace = "k8s.io", shims } = this.#options;
    return new ShimLink({ id, endpoint, namespace, connectMs, closing: shims.closing });
  }

  async #createIn(shim: LaunchedShim, sandbox: Sandbox, link: ShimLink, signal: AbortSignal): Promise<void> {
    const client = await link.open(signal);
    const request = {
      sandboxId: sandbox.id,
      bundlePath: shim.bundle,
      rootfs: [],
      options: podConfig(sandbox),
      netnsPath: sandbox.namespaces.net ?? "",
      annotations: { ...sandbox.annotations },
    };
    try {
      await client.call("createSandbox", request, { signal, timeoutMs: this.#budgets.start });
    } catch (error) {
      // The bundle is new and so is the shim: it can only be this one, of a call whose answer was lost or made at its start.
      if (hasCode(error, Code.AlreadyExists)) return;
      if (!hasCode(error, Code.Unimplemented)) throw error;
      throw new StatusError(
        Code.FailedPrecondition,
        `creating sandbox "${sandbox.id}": shim "${shim.binary}" does not serve the Sandbox API (containerd.runtime.sandbox.v1.Sandbox)`,
        { cause: error },
      );
    }
  }

  /** Where it cannot be told now, ends are by the marker that all of a shim's processes have. */
  async #findServer(id: string, signal: AbortSignal): Promise<void> {
    try {
      const server = await this.#options.shims.findServer(id, signal);
      if (server !== undefined) this.#servers.set(id, server);
    } catch (error) {
      this.#options.log("warn", "process of a shim is not found", { sandboxId: id, error: (error as Error).message });
    }
  }

  async #takeBack(pod: ShimPod): Promise<void> {
    try {
      await this.remove(pod.id, pod, AbortSignal.timeout(takeBackMs));
    } catch (error) {
      this.#options.log("warn", "half a sandbox is left", { sandboxId: pod.id, error: (error as Error).message });
    }
  }
}

/** What containerd sends: the pod as the kubelet described it. */
function podConfig({ config }: Sandbox): Pick<Any, "typeUrl" | "value"> {
  return { typeUrl: "runtime.v1.PodSandboxConfig", value: config };
}

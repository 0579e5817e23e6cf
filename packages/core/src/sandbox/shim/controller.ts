import { Code, hasCode, StatusError } from "@crib/errdefs";
import { namespaceState } from "@crib/linux";
import type {
  ControllerDeclaration,
  ExitStatus,
  Platform,
  Sandbox,
  SandboxController,
  SandboxInstance,
  SandboxMetrics,
  SandboxStatus,
  TaskEndpoint,
} from "@crib/sandboxer";

import { checkTaskId } from "../../tasks/index.ts";
import { KnownPods } from "../known-pods/known-pods.ts";
import { knownStatus } from "../known-pods/known-status.ts";
import { platformName } from "../proxy/platform-name.ts";
import { readMetrics } from "../proxy/read-metrics.ts";
import { adoptSandbox } from "./calls/adopt-sandbox.ts";
import { stopSandbox } from "./calls/end-sandbox.ts";
import { startSandbox } from "./calls/start-sandbox.ts";
import { unknownExitCode } from "./calls/watch-sandbox.ts";
import { PodShims } from "./pod-shims.ts";
import { resolveBudgets } from "./shim-budgets.ts";
import { shimInfo } from "./shim-info.ts";
import { ShimPod } from "./shim-pod.ts";
import type { ShimControllerBudgets, ShimControllerOptions } from "./types.ts";

/** Exit code of what was ended by force. */
const killedExitCode = 137;

/**
 * The controller of pods whose Runtime v2 shim makes the boundary itself and serves `containerd.runtime.sandbox.v1.Sandbox`, over ttrpc or gRPC.
 * The shim is started from the bundle `STATE/tasks/ID`, and its own endpoint serves the pod's tasks. What is started for a pod is ended by
 * force where the shim does not do it.
 */
export function createShimController(options: ShimControllerOptions): SandboxController {
  return new ShimController(options);
}

class ShimController implements SandboxController {
  readonly declares: ControllerDeclaration = { netns: "crib", network: "before-create", pins: ["net", "user"] };
  readonly #options: ShimControllerOptions;
  readonly #budgets: ShimControllerBudgets;
  readonly #shims: PodShims;
  readonly #pods = new KnownPods<ShimPod>();

  constructor(options: ShimControllerOptions) {
    this.#options = options;
    this.#budgets = resolveBudgets(options.budgets);
    this.#shims = new PodShims(options, this.#budgets);
  }

  async create(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    const { id } = sandbox;
    checkTaskId(id);
    signal.throwIfAborted();
    const pod = new ShimPod(sandbox);
    this.#pods.add(pod);
    try {
      await this.#shims.create(pod, signal);
      pod.state = { kind: "created" };
    } catch (error) {
      pod.leaving.abort();
      this.#pods.delete(id);
      throw error;
    }
  }

  async start(id: string, signal: AbortSignal): Promise<SandboxInstance> {
    const pod = this.#pods.getToStart(id);
    signal.throwIfAborted();
    pod.state = { kind: "starting" };
    const instance = await startSandbox(this.#options, this.#budgets, pod, signal);
    const { createdAt, process } = instance;
    pod.state = { kind: "ready", createdAt, ...(process === undefined ? {} : { process }) };
    this.#shims.watch(pod);
    return instance;
  }

  async adopt(sandbox: Sandbox, instance: SandboxInstance, signal: AbortSignal): Promise<SandboxStatus> {
    const { id } = sandbox;
    const known = this.#pods.find(id);
    if (known !== undefined) return knownStatus(known);
    const pod = new ShimPod(sandbox);
    const { createdAt, process } = instance;
    pod.state = { kind: "ready", createdAt, ...(process === undefined ? {} : { process }) };
    this.#pods.add(pod);
    try {
      const lost = Object.values(sandbox.namespaces).filter((path) => namespaceState(path) !== "namespace");
      if (lost.length > 0) throw new StatusError(Code.NotFound, `its namespaces are gone: ${lost.join(", ")}`);
      await adoptSandbox(this.#shims, this.#budgets, pod, signal);
      if (pod.exit.status === undefined) this.#shims.watch(pod);
    } catch (error) {
      this.#options.log("warn", "sandbox is lost", { sandboxId: id, error: (error as Error).message });
      await this.#shims.endOrphans(pod);
      pod.exit.settle(unknownExitCode);
    }
    return knownStatus(pod);
  }

  async endpoint(id: string, signal: AbortSignal): Promise<TaskEndpoint> {
    const pod = this.#pods.get(id, "finding the task service of");
    signal.throwIfAborted();
    if (pod.link === undefined || pod.exit.status !== undefined) {
      throw new StatusError(Code.NotFound, `finding the task service of sandbox "${id}": its shim does not serve`);
    }
    return pod.link.endpoint;
  }

  async platform(id: string, signal: AbortSignal): Promise<Platform> {
    const pod = this.#pods.get(id, "naming the platform of");
    const client = await this.#shims.client(pod, signal);
    const call = { signal, timeoutMs: this.#budgets.other };
    const answer = await unlessUnimplemented(client.call("platform", { sandboxId: id }, call));
    return platformName(answer?.platform);
  }

  async status(id: string, options: { readonly verbose: boolean }, signal: AbortSignal): Promise<SandboxStatus> {
    const pod = this.#pods.get(id, "reading the status of");
    signal.throwIfAborted();
    if (!options.verbose) return knownStatus(pod);
    const info = await shimInfo(this.#options.shims, this.#budgets, pod, signal);
    return { ...knownStatus(pod), info };
  }

  async metrics(id: string, signal: AbortSignal): Promise<SandboxMetrics | undefined> {
    const pod = this.#pods.get(id, "measuring");
    if (pod.exit.status !== undefined) return undefined;
    const client = await this.#shims.client(pod, signal);
    const call = { signal, timeoutMs: this.#budgets.other };
    const answer = await unlessUnimplemented(client.call("sandboxMetrics", { sandboxId: id }, call));
    return answer === undefined ? undefined : readMetrics(answer);
  }

  async update(id: string, _change: object, _signal: AbortSignal): Promise<void> {
    // The Sandbox API of shims has no such call; the pod's cgroup is the caller's.
    this.#pods.get(id, "updating");
  }

  async wait(id: string, signal: AbortSignal): Promise<ExitStatus> {
    return await this.#pods.get(id, "waiting for").exit.wait(signal);
  }

  async stop(id: string, { graceMs }: { readonly graceMs: number }, signal: AbortSignal): Promise<void> {
    const pod = this.#pods.find(id) ?? (await this.#shims.recall(id, signal));
    if (pod === undefined || pod.exit.status !== undefined) return;
    // One that was never started has nothing that could end.
    const mayRun = pod.state.kind === "ready" || pod.state.kind === "starting";
    if (mayRun) await this.#end(pod, graceMs, signal);
    pod.exit.settle(0);
    if (pod !== this.#pods.find(id)) pod.link?.close();
  }

  async shutdown(id: string, signal: AbortSignal): Promise<void> {
    const pod = this.#pods.find(id);
    pod?.leaving.abort();
    await this.#shims.remove(id, pod, signal);
    pod?.exit.settle(killedExitCode);
    this.#pods.delete(id);
  }

  /** By its shim, else by force. */
  async #end(pod: ShimPod, graceMs: number, signal: AbortSignal): Promise<void> {
    const { id, link, exit } = pod;
    try {
      if (link === undefined) throw new StatusError(Code.NotFound, `sandbox "${id}": its shim never served`);
      await stopSandbox({ id, link, exit, budgets: this.#budgets }, graceMs, signal);
    } catch (error) {
      signal.throwIfAborted();
      const fields = { sandboxId: id, error: (error as Error).message };
      this.#options.log("warn", "sandbox is ended without its shim", fields);
      await this.#shims.kill(pod, signal);
      exit.settle(killedExitCode);
    }
  }
}

/** The answer, or undefined from a shim that does not have the call. */
async function unlessUnimplemented<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (hasCode(error, Code.Unimplemented)) return undefined;
    throw error;
  }
}

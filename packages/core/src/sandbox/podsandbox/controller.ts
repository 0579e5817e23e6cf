import { namespaceState, removeCgroup } from "@crib/linux";
import { platformOf } from "@crib/oci-spec";
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

import { checkTaskId, type Shim } from "../../tasks/index.ts";
import { KnownPods } from "../known-pods/known-pods.ts";
import { knownStatus } from "../known-pods/known-status.ts";
import { ociCgroupsPath, podCgroupOf } from "./cgroups-path.ts";
import { endByKernel, endPause } from "./end-pause.ts";
import { preparePauseBundle } from "./pause-bundle.ts";
import { createPause, killedExitCode, pauseExit, unknownExitCode, watchPause } from "./pause-task.ts";
import { podInfo } from "./pod-info.ts";
import { readRemains } from "./pod-remains.ts";
import { Pod } from "./pod.ts";
import { TaskShims } from "./task-shims.ts";
import type { PodsandboxOptions } from "./types.ts";

/**
 * The controller whose boundary is namespaces that crib pins itself. A pod whose containers share a PID namespace, or
 * whose handler asks for it, gets a pause process, run by a Runtime v2 shim from the bundle `STATE/tasks/ID`; other
 * pods have no process; the shim of their tasks is started in the background after `start`, or by the first `endpoint`.
 */
export function createPodsandboxController(options: PodsandboxOptions): SandboxController {
  return new PodsandboxController(options);
}

class PodsandboxController implements SandboxController {
  readonly declares: ControllerDeclaration = { netns: "crib", network: "parallel" };
  readonly #options: PodsandboxOptions;
  readonly #pods = new KnownPods<Pod>();
  readonly #taskShims: TaskShims;

  constructor(options: PodsandboxOptions) {
    this.#options = options;
    this.#taskShims = new TaskShims(options);
  }

  async create(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    const { id } = sandbox;
    checkTaskId(id);
    signal.throwIfAborted();
    const pod = new Pod(sandbox, this.#needsPause(sandbox));
    this.#pods.add(pod);
    try {
      if (pod.hasPause) await this.#startPauseShim(pod, signal);
    } catch (error) {
      this.#pods.delete(id);
      throw error;
    }
  }

  async start(id: string, signal: AbortSignal): Promise<SandboxInstance> {
    const pod = this.#pods.getToStart(id);
    signal.throwIfAborted();
    const { namespaces } = pod.sandbox;
    const createdAt = new Date();
    if (!pod.hasPause) {
      pod.state = { kind: "ready", createdAt };
      this.#taskShims.prestart(pod);
      return { createdAt, labels: {}, namespaces };
    }
    const { shims } = this.#options;
    const shim = await shims.open(id, signal);
    const process = await createPause(shim, pod.rootfsMounts, signal);
    pod.state = { kind: "ready", createdAt, process };
    this.#watch(pod, shim);
    await shim.tasks.start(id, "", signal);
    const spec = await shims.spec(id);
    return { process, createdAt, labels: {}, ...(spec === undefined ? {} : { spec }), namespaces };
  }

  async adopt(sandbox: Sandbox, instance: SandboxInstance, signal: AbortSignal): Promise<SandboxStatus> {
    const { id } = sandbox;
    const known = this.#pods.find(id);
    if (known !== undefined) return knownStatus(known);
    const pod = new Pod(sandbox, instance.process !== undefined);
    const { createdAt, process } = instance;
    pod.state = { kind: "ready", createdAt, ...(process === undefined ? {} : { process }) };
    this.#pods.add(pod);
    const lost = Object.values(sandbox.namespaces).filter((path) => namespaceState(path) !== "namespace");
    if (lost.length > 0) {
      this.#options.log("warn", "namespaces of a sandbox are gone", { sandboxId: id, paths: lost });
      await this.#endOrphans(pod);
      pod.exit.settle(unknownExitCode);
    } else if (pod.hasPause) {
      await this.#adoptPause(pod, signal);
    }
    return knownStatus(pod);
  }

  async endpoint(id: string, signal: AbortSignal): Promise<TaskEndpoint> {
    const pod = this.#pods.get(id, "finding the task service of");
    return await this.#taskShims.endpoint(pod, signal);
  }

  async platform(id: string, _signal: AbortSignal): Promise<Platform> {
    this.#pods.get(id, "naming the platform of");
    return platformOf();
  }

  async status(id: string, options: { readonly verbose: boolean }, signal: AbortSignal): Promise<SandboxStatus> {
    const pod = this.#pods.get(id, "reading the status of");
    signal.throwIfAborted();
    const status = knownStatus(pod);
    return options.verbose ? { ...status, info: await podInfo(this.#options.shims, pod) } : status;
  }

  async metrics(id: string, _signal: AbortSignal): Promise<SandboxMetrics | undefined> {
    this.#pods.get(id, "measuring");
    return undefined;
  }

  async update(id: string, _change: object, _signal: AbortSignal): Promise<void> {
    // The pod's cgroup is the caller's; a pause has no limits of its own.
    this.#pods.get(id, "updating");
  }

  async wait(id: string, signal: AbortSignal): Promise<ExitStatus> {
    return await this.#pods.get(id, "waiting for").exit.wait(signal);
  }

  async stop(id: string, _options: { readonly graceMs: number }, signal: AbortSignal): Promise<void> {
    const pod = this.#pods.find(id);
    if (pod === undefined) {
      const remains = await readRemains(this.#options.shims, id);
      if (remains?.hasPause === true) await this.#end(id, undefined, remains.cgroupPath, signal);
      return;
    }
    if (pod.hasPause && !pod.isTaskDeleted) {
      const { isTaskDeleted } = await this.#end(id, pod.process, this.#cgroupPath(pod), signal);
      pod.isTaskDeleted = isTaskDeleted;
    }
    pod.exit.settle(pod.hasPause ? killedExitCode : 0);
  }

  async shutdown(id: string, signal: AbortSignal): Promise<void> {
    const { shims } = this.#options;
    const pod = this.#pods.find(id);
    pod?.leaving.abort();
    await this.#taskShims.settle(id);
    const remains = await readRemains(shims, id);
    const cgroupPath = pod === undefined ? remains?.cgroupPath : this.#cgroupPath(pod);
    const mayRun = pod === undefined ? remains?.hasPause === true : pod.hasPause && !pod.isTaskDeleted;
    const { killMs } = this.#budgets();
    if (mayRun) await endByKernel({ process: pod?.process, cgroupPath, killMs }, signal);
    await shims.remove(id, signal);
    if (mayRun && cgroupPath !== undefined) {
      // Once more: a runtime that was at work until its shim went may have put a process there meanwhile.
      await endByKernel({ process: undefined, cgroupPath, killMs }, signal);
      await removeCgroup(cgroupPath, { timeoutMs: killMs });
    }
    // Asked for every pod: one whose start was cut short left no trace of having needed a pause.
    await this.#options.pauseRoots.release(id, signal);
    pod?.exit.settle(pod.hasPause ? killedExitCode : 0);
    this.#pods.delete(id);
  }

  async #startPauseShim(pod: Pod, signal: AbortSignal): Promise<void> {
    const { sandbox } = pod;
    const handler = this.#options.handlerOf(sandbox.runtimeHandler, sandbox.id);
    const { runtimeType, runtimePath, options } = handler;
    const { specJson, rootfsMounts } = await preparePauseBundle(this.#options.pauseRoots, sandbox, handler, signal);
    pod.rootfsMounts = rootfsMounts;
    await this.#options.shims.start({ id: sandbox.id, runtimeType, runtimePath, options, specJson }, signal);
  }

  async #adoptPause(pod: Pod, signal: AbortSignal): Promise<void> {
    const { id } = pod.sandbox;
    try {
      const shim = await this.#options.shims.open(id, signal);
      const exit = await pauseExit(shim, pod.process, signal);
      if (exit === undefined) this.#watch(pod, shim);
      else pod.exit.settle(exit.exitCode, exit.exitedAt);
    } catch (error) {
      this.#options.log("warn", "sandbox is lost", { sandboxId: id, error: (error as Error).message });
      await this.#endOrphans(pod);
      pod.exit.settle(unknownExitCode);
    }
  }

  #watch(pod: Pod, shim: Shim): void {
    const { process, exit, leaving } = pod;
    if (process === undefined) return;
    const { shims } = this.#options;
    const watch = { shims, process, exit, endOrphans: () => this.#endOrphans(pod) };
    void watchPause(watch, shim, leaving.signal);
  }

  /**
   * After the death of a shim: nothing of its pod may run on unseen. Files and the runtime's state wait for `shutdown`.
   */
  async #endOrphans(pod: Pod): Promise<void> {
    const { process } = pod;
    const { killMs } = this.#budgets();
    try {
      await endByKernel({ process, cgroupPath: this.#cgroupPath(pod), killMs }, pod.leaving.signal);
    } catch (error) {
      if (pod.leaving.signal.aborted) return;
      const fields = { sandboxId: pod.sandbox.id, error: (error as Error).message };
      this.#options.log("error", "orphans of a dead shim are left", fields);
    }
  }

  async #end(
    id: string,
    process: Pod["process"],
    cgroupPath: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly isTaskDeleted: boolean }> {
    const { shims, log } = this.#options;
    return await endPause({ id, shims, process, cgroupPath, ...this.#budgets(), log }, signal);
  }

  #budgets(): { readonly stopMs: number; readonly killMs: number } {
    const { stopMs = 10_000, killMs = 5_000 } = this.#options.budgets ?? {};
    return { stopMs, killMs };
  }

  /** The pod's cgroup is killed as a whole only where a pause is in it: only then did this controller fill it. */
  #cgroupPath({ hasPause, sandbox }: Pod): string | undefined {
    if (!hasPause) return undefined;
    const isSystemd = this.#options.handlerOf(sandbox.runtimeHandler, sandbox.id).options["SystemdCgroup"] === true;
    return podCgroupOf(ociCgroupsPath(sandbox.cgroupPath, sandbox.id, isSystemd));
  }

  #needsPause(sandbox: Sandbox): boolean {
    const { needsPause, handlerOf } = this.#options;
    if (needsPause !== undefined) return needsPause(sandbox);
    return sandbox.pidMode === "pod" || handlerOf(sandbox.runtimeHandler, sandbox.id).pause === "always";
  }
}

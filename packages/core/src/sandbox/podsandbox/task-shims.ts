import { Code, hasCode, StatusError } from "@crib/errdefs";
import { isProcessAlive } from "@crib/linux";
import type { Sandbox, TaskEndpoint } from "@crib/sandboxer";

import { toKernelIdentity, Turns } from "../../tasks/index.ts";
import { taskShimSpec } from "./pause-spec.ts";
import type { Pod } from "./pod.ts";
import type { PodsandboxOptions } from "./types.ts";

/** How long a start that is under way may hold up the removal of its pod. */
const settleMs = 1_000;

/**
 * The shims that serve the tasks of pods. That of a pod with a pause was started for the pause and ends with it; that of
 * any other pod is started here, and anew when it has died. What is on the host of it is all in the pod's bundle.
 */
export class TaskShims {
  readonly #options: Pick<PodsandboxOptions, "shims" | "handlerOf" | "log">;
  readonly #turns = new Turns();
  readonly #starting = new Map<string, AbortController>();

  constructor(options: Pick<PodsandboxOptions, "shims" | "handlerOf" | "log">) {
    this.#options = options;
  }

  /**
   * Where the pod's shim answers; starts it where there is none. NotFound when the shim of a pause has died;
   * FailedPrecondition when the pod has ended or goes.
   */
  async endpoint(pod: Pod, signal: AbortSignal): Promise<TaskEndpoint> {
    const { id } = pod.sandbox;
    return await this.#turns.take(id, async () => {
      signal.throwIfAborted();
      const living = await this.#living(pod, signal);
      return living ?? (await this.#start(pod, signal));
    });
  }

  /**
   * Begins to start the shim of a pod without pause, and does not wait for it: the first container finds it there. A
   * failure is no harm, since `endpoint` tries again; it ends when the pod goes.
   */
  prestart(pod: Pod): void {
    const { id, runtimeHandler } = pod.sandbox;
    const { handlerOf, log } = this.#options;
    const begin = async (): Promise<void> => {
      if (handlerOf(runtimeHandler, id).prestart === false) return;
      await this.endpoint(pod, new AbortController().signal);
    };
    begin().catch((error: unknown) => {
      if (pod.leaving.signal.aborted || hasCode(error, Code.Canceled)) return;
      log("warn", "task shim is not started beforehand", { sandboxId: id, error: (error as Error).message });
    });
  }

  /**
   * Settles when nothing is being done for the pod any more. Abort `pod.leaving` before: later calls then do nothing. A
   * start that is under way is given a moment, since a whole shim ends sooner and more surely than half a one.
   */
  async settle(id: string): Promise<void> {
    const late = (): void => {
      const reason = new StatusError(Code.Canceled, `starting the task shim of "${id}": the sandbox is being removed`);
      this.#starting.get(id)?.abort(reason);
    };
    const timer = setTimeout(late, settleMs);
    await this.#turns.take(id, async () => clearTimeout(timer));
  }

  async #living(pod: Pod, signal: AbortSignal): Promise<TaskEndpoint | undefined> {
    const { id } = pod.sandbox;
    const mayStart = !pod.hasPause && pod.exit.status === undefined;
    try {
      const shim = await this.#options.shims.open(id, signal);
      // Its death may be known before the loss of its connection is.
      if (isProcessAlive(toKernelIdentity(shim.process))) return shim.endpoint;
    } catch (error) {
      if (!hasCode(error, Code.NotFound) || !mayStart) throw error;
      return undefined;
    }
    if (mayStart) return undefined;
    throw new StatusError(Code.NotFound, `finding the task service of sandbox "${id}": its shim has died`);
  }

  async #start(pod: Pod, signal: AbortSignal): Promise<TaskEndpoint> {
    const { sandbox } = pod;
    const { id } = sandbox;
    if (pod.leaving.signal.aborted) {
      throw new StatusError(
        Code.FailedPrecondition,
        `finding the task service of sandbox "${id}": it is being removed`,
      );
    }
    const starting = new AbortController();
    this.#starting.set(id, starting);
    try {
      return await this.#startAnew(sandbox, AbortSignal.any([signal, starting.signal]));
    } finally {
      this.#starting.delete(id);
    }
  }

  /** The first use, or the shim has died: its tasks went with it, and what it left makes way. */
  async #startAnew(sandbox: Sandbox, signal: AbortSignal): Promise<TaskEndpoint> {
    const { shims, handlerOf } = this.#options;
    const { id } = sandbox;
    await shims.remove(id, signal);
    const { runtimeType, runtimePath, options } = handlerOf(sandbox.runtimeHandler, id);
    const specJson = JSON.stringify(taskShimSpec(sandbox));
    return (await shims.start({ id, runtimeType, runtimePath, options, specJson }, signal)).endpoint;
  }
}

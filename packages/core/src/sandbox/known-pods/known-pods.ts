import { Code, StatusError } from "@crib/errdefs";

import type { KnownPod } from "./known-pod.ts";

/** The pods of one controller, by id. */
export class KnownPods<P extends KnownPod> {
  readonly #pods = new Map<string, P>();

  /** AlreadyExists where there is one with its id. */
  add(pod: P): void {
    const { id } = pod;
    if (this.#pods.has(id)) throw new StatusError(Code.AlreadyExists, `creating sandbox "${id}": it exists`);
    this.#pods.set(id, pod);
  }

  find(id: string): P | undefined {
    return this.#pods.get(id);
  }

  /** NotFound; `doing` says what for, such as "measuring". */
  get(id: string, doing: string): P {
    const pod = this.#pods.get(id);
    if (pod === undefined) throw new StatusError(Code.NotFound, `${doing} sandbox "${id}": there is none`);
    return pod;
  }

  /** The one that shall start. NotFound; FailedPrecondition where it has been started, or has ended. */
  getToStart(id: string): P {
    const pod = this.get(id, "starting");
    if (pod.state.kind === "created" && pod.exit.status === undefined) return pod;
    throw new StatusError(Code.FailedPrecondition, `starting sandbox "${id}": it has been started`);
  }

  all(): Iterable<P> {
    return this.#pods.values();
  }

  /** Idempotent. */
  delete(id: string): void {
    this.#pods.delete(id);
  }
}

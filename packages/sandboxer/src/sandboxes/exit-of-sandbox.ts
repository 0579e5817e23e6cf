import { StatusError } from "@crib/errdefs";

import type { ExitStatus } from "../types.ts";

/** The end of one sandbox, for as many as want to know. */
export class ExitOfSandbox {
  readonly #settled = Promise.withResolvers<ExitStatus>();
  #status: ExitStatus | undefined;

  constructor() {
    // Nobody has to wait.
    this.#settled.promise.catch(() => undefined);
  }

  /** How it ended; undefined while it has not. */
  get status(): ExitStatus | undefined {
    return this.#status;
  }

  /** The first end counts; true when this was it. */
  settle(status: ExitStatus): boolean {
    if (this.#status !== undefined) return false;
    this.#status = status;
    this.#settled.resolve(status);
    return true;
  }

  /** Nobody will ever know: fails all who wait. */
  abandon(reason: StatusError): void {
    this.#settled.reject(reason);
  }

  /** Settles with the end, or rejects with the reason of the signal. */
  async wait(signal: AbortSignal): Promise<ExitStatus> {
    signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(StatusError.from(signal.reason));
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([this.#settled.promise, promise]);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }
}

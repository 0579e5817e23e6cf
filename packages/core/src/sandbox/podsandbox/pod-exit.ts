import type { ExitStatus } from "@crib/sandboxer";

/** The end of one boundary: known once, told to all who wait for it, before or after. */
export class PodExit {
  readonly #ended = Promise.withResolvers<ExitStatus>();
  #status: ExitStatus | undefined;

  /** Undefined while the boundary lives. */
  get status(): ExitStatus | undefined {
    return this.#status;
  }

  /** The first call counts. `exitedAt` defaults to now. */
  settle(exitCode: number, exitedAt: Date = new Date(), reason?: string): void {
    if (this.#status !== undefined) return;
    this.#status = { exitCode, exitedAt, ...(reason !== undefined && { reason }) };
    this.#ended.resolve(this.#status);
  }

  /** Settles with the end; rejects with the signal's reason when the caller gives up first. */
  async wait(signal: AbortSignal): Promise<ExitStatus> {
    if (this.#status !== undefined) return this.#status;
    signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const aborted = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", aborted, { once: true });
    try {
      return await Promise.race([this.#ended.promise, promise]);
    } finally {
      signal.removeEventListener("abort", aborted);
    }
  }
}

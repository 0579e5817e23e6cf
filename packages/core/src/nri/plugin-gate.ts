import { StatusError } from "@crib/errdefs";

/**
 * Keeps creations and a plugin that joins apart. Steps go through it freely, any number at a time, until it is held: then the holder
 * waits for those inside, and new ones wait for the holder. A step must not enter again while it is inside.
 */
export class PluginGate {
  #inside = 0;
  #holder: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  /** Lets a step in, at once when nobody holds the gate. The returned function lets it out; idempotent. Rejects when `signal` is aborted before. */
  async enter(signal: AbortSignal): Promise<() => void> {
    while (this.#holder !== undefined) await settledOrAborted(this.#holder, signal, "waiting while a plugin joins");
    this.#inside += 1;
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      this.#inside -= 1;
      if (this.#inside === 0) this.#onEmpty?.();
    };
  }

  /** Holds new steps and settles when those inside are out. The returned function opens the gate; idempotent. When `signal` is aborted it is opened and the call rejects. */
  async hold(signal: AbortSignal): Promise<() => void> {
    const doing = "waiting for steps that run before a plugin joins";
    while (this.#holder !== undefined) await settledOrAborted(this.#holder, signal, doing);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#holder = promise;
    const open = (): void => {
      if (this.#holder === promise) this.#holder = undefined;
      resolve();
    };
    if (this.#inside === 0) return open;
    const empty = new Promise<void>((resolve) => (this.#onEmpty = resolve));
    try {
      await settledOrAborted(empty, signal, doing);
      return open;
    } catch (error) {
      open();
      throw error;
    } finally {
      this.#onEmpty = undefined;
    }
  }
}

async function settledOrAborted(promise: Promise<void>, signal: AbortSignal, doing: string): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(StatusError.from(signal.reason, doing));
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

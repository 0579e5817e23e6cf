import { constants } from "node:os";

import { waitpid } from "../libc/libc.ts";

/** How a child ended. Both null: another part of this process reaped it first, so that nobody knows. */
export interface ChildExit {
  readonly exitCode: number | null;
  /** The name of the signal that ended it; "SIG40" for one without a name. */
  readonly signal: string | null;
}

const WNOHANG = 1;
const firstPollMs = 5;
const slowestPollMs = 50;

const signalNames = new Map<number, string>();
// Some numbers have two names; the usual one comes first.
for (const [name, number] of Object.entries(constants.signals))
  if (!signalNames.has(number)) signalNames.set(number, name);

/** Waits for children by their numbers, and for no others: those that libuv started stay for libuv. */
class Reaper {
  readonly #waiting = new Map<number, (exit: ChildExit) => void>();
  readonly #status = Buffer.alloc(4);
  #isListening = false;
  #willLook = false;
  #pollMs = firstPollMs;
  #timer: NodeJS.Timeout | undefined;

  reap(pid: number): Promise<ChildExit> {
    // Added once and kept; it does not hold the process. A worker thread gets no signals and only polls.
    if (!this.#isListening) process.on("SIGCHLD", () => this.#lookOnce());
    this.#isListening = true;
    const { promise, resolve } = Promise.withResolvers<ChildExit>();
    this.#waiting.set(pid, resolve);
    this.expect();
    return promise;
  }

  /** Something says that a child is about to end: look more often again. */
  expect(): void {
    // A quick look that is due stays due: many starts in a row must not put it off for ever.
    if (this.#timer !== undefined && this.#pollMs === firstPollMs) return;
    this.#pollMs = firstPollMs;
    this.#schedule();
  }

  /**
   * One look for all signals of a turn of the event loop, at its end. libuv goes on calling while signals come, and whoever starts the
   * next program when one has ended makes them come: looked at in place, nothing else would get its turn.
   */
  #lookOnce(): void {
    if (this.#willLook) return;
    this.#willLook = true;
    setImmediate(() => {
      this.#willLook = false;
      this.#look();
    });
  }

  #look(): void {
    for (const [pid, resolve] of this.#waiting) {
      const result = waitpid(pid, this.#status, WNOHANG);
      if (result === 0) continue;
      this.#waiting.delete(pid);
      resolve(result < 0 ? { exitCode: null, signal: null } : decode(this.#status.readInt32LE()));
    }
    if (this.#waiting.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#look();
      this.#pollMs = Math.min(this.#pollMs * 2, slowestPollMs);
      this.#schedule();
    }, this.#pollMs);
  }
}

/** The macros of waitpid(2). */
function decode(status: number): ChildExit {
  const signal = status & 0x7f;
  if (signal === 0) return { exitCode: (status >> 8) & 0xff, signal: null };
  return { exitCode: null, signal: signalNames.get(signal) ?? `SIG${signal}` };
}

const reaper = new Reaper();

/**
 * Waits for the end of a child of this process that nobody else waits for, and reaps it, whether or not the promise is looked at.
 * Never rejects. Noticed by SIGCHLD at once, else by a poll (5 to 50 ms apart); keeps the event loop alive until then.
 */
export function reapChild(pid: number): Promise<ChildExit> {
  return reaper.reap(pid);
}

/** Says that a child is likely to end now, so that it is polled for soon. */
export function expectChildExit(): void {
  reaper.expect();
}

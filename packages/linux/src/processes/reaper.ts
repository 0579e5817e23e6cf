import { readFileSync } from "node:fs";
import { constants } from "node:os";

import { waitid, waitpid } from "../libc/libc.ts";
import { readProcess } from "./process-stat.ts";

/** How a child ended. Both null: another part of this process reaped it first, so that nobody knows. */
export interface ChildExit {
  readonly exitCode: number | null;
  /** The name of the signal that ended it; "SIG40" for one without a name. */
  readonly signal: string | null;
}

const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x0100_0000;
const P_ALL = 0;
/** Where `siginfo_t` has the pid, and its size. */
const siginfoPidAt = 16;
const siginfoBytes = 128;

const firstPollMs = 5;
const slowestPollMs = 50;
/** Signals tell of nearly every end; this is for those that got lost. */
const adoptedPollMs = 1_000;
/** libuv, or a worker thread, reaps its own children well within this time. */
const orphanGraceMs = 200;
/** How many ends of orphans are remembered: where the machine stalls, they are asked for after that time. */
const rememberedEnds = 1_000;

const signalNames = new Map<number, string>();
// Some numbers have two names; the usual one comes first.
for (const [name, number] of Object.entries(constants.signals))
  if (!signalNames.has(number)) signalNames.set(number, name);

/** Waits for children by their numbers, and for no others: those that libuv started stay for libuv. */
class Reaper {
  readonly #waiting = new Map<number, (exit: ChildExit) => void>();
  readonly #adopted = new Map<number, (exit: ChildExit) => void>();
  readonly #status = Buffer.alloc(4);
  #orphans: Orphans | undefined;
  #isListening = false;
  #willLook = false;
  #pollMs = firstPollMs;
  #timer: NodeJS.Timeout | undefined;
  #adoptedTimer: NodeJS.Timeout | undefined;

  reap(pid: number): Promise<ChildExit> {
    this.#listen();
    const { promise, resolve } = Promise.withResolvers<ChildExit>();
    this.#waiting.set(pid, resolve);
    this.expect();
    return promise;
  }

  adopt(pid: number): Promise<ChildExit> {
    this.#listen();
    const { promise, resolve } = Promise.withResolvers<ChildExit>();
    this.#adopted.set(pid, resolve);
    this.#adoptedTimer ??= setInterval(() => this.#look(), adoptedPollMs).unref();
    // It may have ended before anybody waited for it.
    this.#lookOnce();
    return promise;
  }

  reapOrphans(): void {
    this.#listen();
    this.#orphans ??= new Orphans((pid) => this.#waiting.has(pid) || this.#adopted.has(pid));
  }

  /** Something says that a child is about to end: look more often again. */
  expect(): void {
    // A quick look that is due stays due: many starts in a row must not put it off for ever.
    if (this.#timer !== undefined && this.#pollMs === firstPollMs) return;
    this.#pollMs = firstPollMs;
    this.#schedule();
  }

  #listen(): void {
    // Added once and kept; it does not hold the process. A worker thread gets no signals and only polls.
    if (!this.#isListening) process.on("SIGCHLD", () => this.#lookOnce());
    this.#isListening = true;
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
    this.#lookAt(this.#waiting);
    this.#lookAt(this.#adopted);
    this.#orphans?.lookSoon();
    if (this.#adopted.size === 0) {
      clearInterval(this.#adoptedTimer);
      this.#adoptedTimer = undefined;
    }
    if (this.#waiting.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #lookAt(children: Map<number, (exit: ChildExit) => void>): void {
    for (const [pid, resolve] of children) {
      const result = waitpid(pid, this.#status, WNOHANG);
      if (result === 0) continue;
      children.delete(pid);
      const earlier = this.#orphans?.takeEnd(pid);
      resolve(result > 0 ? decode(this.#status.readInt32LE()) : (earlier ?? { exitCode: null, signal: null }));
    }
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

/** Reaps children that nobody here started or waits for, once they have been dead for a moment. */
class Orphans {
  readonly #isAwaited: (pid: number) => boolean;
  readonly #info = Buffer.alloc(siginfoBytes);
  readonly #status = Buffer.alloc(4);
  /** Dead children and when they were first seen. */
  #seen = new Map<number, number>();
  /** Of those that were reaped, the oldest first. */
  readonly #ends = new Map<number, ChildExit>();
  #timer: NodeJS.Timeout | undefined;
  #willLook = false;

  constructor(isAwaited: (pid: number) => boolean) {
    this.#isAwaited = isAwaited;
  }

  /** After libuv has had its turn with the signals that have come: its children are not to be taken from it. */
  lookSoon(): void {
    if (this.#willLook) return;
    this.#willLook = true;
    setImmediate(() => {
      this.#willLook = false;
      this.#look();
    }).unref();
  }

  /** How a reaped one ended; once. A child of that number which is there is another one. */
  takeEnd(pid: number): ChildExit | undefined {
    const end = this.#ends.get(pid);
    this.#ends.delete(pid);
    return end;
  }

  #reap(pid: number): void {
    if (waitpid(pid, this.#status, WNOHANG) <= 0) return;
    this.#ends.delete(pid);
    this.#ends.set(pid, decode(this.#status.readInt32LE()));
    const [oldest] = this.#ends.keys();
    if (this.#ends.size > rememberedEnds && oldest !== undefined) this.#ends.delete(oldest);
  }

  #look(): void {
    const now = performance.now();
    const seen = new Map<number, number>();
    for (const pid of this.#deadChildren()) {
      const since = this.#seen.get(pid) ?? now;
      if (now - since < orphanGraceMs) seen.set(pid, since);
      else this.#reap(pid);
    }
    this.#seen = seen;
    if (seen.size === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.lookSoon();
    }, orphanGraceMs).unref();
  }

  /** Those that nobody waits for. One cheap call tells that there are none, as nearly always. */
  #deadChildren(): readonly number[] {
    this.#info.fill(0);
    if (waitid(P_ALL, 0, this.#info, WEXITED | WNOHANG | WNOWAIT) < 0) return [];
    const first = this.#info.readInt32LE(siginfoPidAt);
    if (first === 0) return [];
    const all = [first, ...childrenOfMainThread()].filter((pid) => !this.#isAwaited(pid));
    return [...new Set(all)].filter((pid) => readProcess(pid)?.state === "Z");
  }
}

/** What this process adopts becomes the main thread's. Nothing where the kernel was built without the list; then they come one by one. */
function childrenOfMainThread(): readonly number[] {
  try {
    return readFileSync(`/proc/self/task/${process.pid}/children`, "latin1").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
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

/**
 * Waits for the end of a child that this process got by being a child subreaper, however long it lives, and reaps it. To be called
 * soon after the program that left it is seen to end: of those that were reaped, the last thousand are remembered. Never rejects: what is no
 * child of this process settles with nulls. Polls once a second besides the signal, and does not keep the event loop alive.
 */
export function adoptChild(pid: number): Promise<ChildExit> {
  return reaper.adopt(pid);
}

/** From now on reaps children that nobody waits for; see `becomeChildSubreaper`. */
export function reapOrphans(): void {
  reaper.reapOrphans();
}

/** Says that a child is likely to end now, so that it is polled for soon. */
export function expectChildExit(): void {
  reaper.expect();
}

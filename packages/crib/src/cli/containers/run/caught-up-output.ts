import { Writable } from "node:stream";
import { callbackify } from "node:util";

import { writeOutput } from "../streams/write-output.ts";
import { asLogged, asShown, bytesBefore } from "./missed-output.ts";

/** Milliseconds without output after which the log has all of it; it holds unfinished lines back for 100. */
const quietMs = 150;
/** Milliseconds that output is held back at most. */
const heldMs = 1_000;

/** Where the output of a terminal goes, and what it can be compared with. */
export interface CaughtUpOutputOptions {
  readonly output: Writable;
  /** All that the process wrote so far, as its log has it. */
  readonly readLog: () => Promise<Buffer>;
}

/**
 * Shows the output of a process that is joined before it begins, and anew when the connection breaks: what was missed is taken from its log.
 * What comes over such a connection is held back until the log is seen to have all before it.
 */
export class CaughtUpOutput {
  readonly #options: CaughtUpOutputOptions;
  /** Bytes of the log that were shown. */
  #shown = 0;
  #held: Buffer[] = [];
  #isLive = false;
  #endsWithReturn = false;
  #quiet: NodeJS.Timeout | undefined;
  #late: NodeJS.Timeout | undefined;
  #catchingUp: Promise<void> = Promise.resolve();

  constructor(options: CaughtUpOutputOptions) {
    this.#options = options;
  }

  /** Where one connection's output goes. `join` is called when it stands. `isComplete`: it stands before the process begins, and misses nothing. */
  connection({ isComplete = false }: { readonly isComplete?: boolean } = {}): {
    readonly stream: Writable;
    readonly join: () => void;
  } {
    this.#isLive = isComplete;
    this.#held = [];
    const stream = new Writable({
      write: callbackify(async (chunk: Buffer, _encoding: string) => this.#take(chunk)),
    });
    return { stream, join: () => this.#join() };
  }

  /** The connection is over: shows what it still held back. */
  async leave(): Promise<void> {
    clearTimeout(this.#quiet);
    clearTimeout(this.#late);
    if (!this.#isLive) this.#catchUp();
    await this.#catchingUp;
  }

  /** The process has ended and its log is complete: shows what no connection gave. */
  async finish(): Promise<void> {
    const log = await this.#options.readLog();
    await this.#show(asShown(log.subarray(this.#shown)));
    this.#shown = log.length;
  }

  #join(): void {
    if (this.#isLive) return;
    this.#late = setTimeout(() => this.#catchUp(), heldMs);
    this.#restartQuiet();
  }

  async #take(chunk: Buffer): Promise<void> {
    await this.#catchingUp;
    if (this.#isLive) {
      this.#count(chunk);
      await this.#show(chunk);
      return;
    }
    this.#held.push(Buffer.from(chunk));
    if (this.#late !== undefined) this.#restartQuiet();
  }

  #restartQuiet(): void {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#catchUp(), quietMs);
  }

  #catchUp(): void {
    clearTimeout(this.#quiet);
    clearTimeout(this.#late);
    this.#late = undefined;
    if (this.#isLive) return;
    this.#isLive = true;
    this.#catchingUp = this.#showMissed();
    this.#catchingUp.catch(() => {}); // the next output, or the end, meets it
  }

  async #showMissed(): Promise<void> {
    const log = await this.#options.readLog();
    const held = Buffer.concat(this.#held);
    const logged = asLogged(held);
    const before = Math.max(this.#shown, bytesBefore(log, logged));
    await this.#show(Buffer.concat([asShown(log.subarray(this.#shown, before)), held]));
    this.#shown = before + logged.length;
    this.#endsWithReturn = held.at(-1) === 13;
    this.#held = [];
  }

  #count(chunk: Buffer): void {
    const startsWithFeed = chunk[0] === 10;
    this.#shown += asLogged(chunk).length - (this.#endsWithReturn && startsWithFeed ? 1 : 0);
    this.#endsWithReturn = chunk.at(-1) === 13;
  }

  async #show(bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0) await writeOutput(this.#options.output, bytes);
  }
}

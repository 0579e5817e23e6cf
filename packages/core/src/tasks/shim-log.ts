import { chmodSync } from "node:fs";
import type { Socket } from "node:net";

import { hasCode, Code } from "@crib/errdefs";
import { makeFifo, openFifoReadWrite } from "@crib/linux";

import type { TaskLog } from "./types.ts";

const maxLineBytes = 4096;
/** Of what a shim says, this much is copied in each window; the rest is counted. */
const bytesPerWindow = 64 * 1024;
const windowMs = 10_000;

/**
 * Holds the `log` FIFO of a bundle open for reading and writing, so that the shim's own opening never waits, and copies
 * its lines, bounded in length and rate, to the daemon's log at level debug.
 */
export class ShimLog implements Disposable {
  readonly #socket: Socket;
  readonly #log: TaskLog;
  readonly #id: string;
  #rest = "";
  #spent = 0;
  #dropped = 0;
  #windowEnd = 0;

  /** Makes the FIFO where there is none. */
  constructor(path: string, id: string, log: TaskLog) {
    this.#log = log;
    this.#id = id;
    try {
      makeFifo(path);
      chmodSync(path, 0o700); // whatever the umask
    } catch (error) {
      if (!hasCode(error, Code.AlreadyExists)) throw error;
    }
    this.#socket = openFifoReadWrite(path);
    this.#socket.on("error", (error) => log("warn", "shim log lost", { taskId: id, error: error.message }));
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#socket.unref();
  }

  close(): void {
    if (this.#rest !== "") this.#write(this.#rest);
    this.#rest = "";
    this.#reportDropped();
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #take(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString("utf8")).split("\n");
    this.#rest = (lines.pop() ?? "").slice(0, maxLineBytes);
    for (const line of lines) this.#write(line);
  }

  #write(line: string): void {
    if (line === "") return;
    const now = performance.now();
    if (now >= this.#windowEnd) {
      this.#reportDropped();
      this.#windowEnd = now + windowMs;
      this.#spent = 0;
    }
    const text = line.slice(0, maxLineBytes);
    if (this.#spent + text.length > bytesPerWindow) {
      this.#dropped += 1;
      return;
    }
    this.#spent += text.length;
    this.#log("debug", "shim says", { taskId: this.#id, line: text });
  }

  #reportDropped(): void {
    if (this.#dropped > 0) this.#log("warn", "shim says too much", { taskId: this.#id, lines: this.#dropped });
    this.#dropped = 0;
  }
}

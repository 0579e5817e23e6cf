import { createHash, type Hash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import type { JobControl } from "../worker/job-control.ts";

/** What is read at a time. */
const chunkBytes = 1 << 18;
/** While a blob is still coming, fewer bytes are not worth a turn. */
const patientBytes = 1 << 16;
const zeros = Buffer.alloc(4096);

/** Reads a blob's file, which may still be growing, once, and hashes what it reads. */
export class BlobSource implements Disposable {
  readonly #fd: number;
  readonly #digest: Digest;
  readonly #size: number;
  /** The job that it is read for. */
  readonly control: JobControl;
  readonly #hash: Hash;
  /** By turns, so that one can still be in use while the next one is read. Made with the first bytes. */
  #buffers: Buffer[] = [];
  #turn = 0;
  #position = 0;
  #isInterrupted = false;

  /** NotFound when there is no such file. */
  constructor(path: string, digest: Digest, size: number, control: JobControl) {
    try {
      this.#fd = openSync(path, "r");
    } catch (error) {
      throw StatusError.from(error, `opening blob "${path}"`);
    }
    this.#digest = digest;
    this.#size = size;
    this.control = control;
    this.#hash = createHash(digest.startsWith("sha512:") ? "sha512" : "sha256");
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    this.#buffers = [];
  }

  get position(): number {
    return this.#position;
  }

  /**
   * The next bytes, valid until the call after the next one. Undefined at the end, or after `interrupt`. Waits for bytes that are not there
   * yet. Cancelled.
   */
  async next(): Promise<Buffer | undefined> {
    const left = this.#size - this.#position;
    if (left === 0) return undefined;
    const wanted = this.#position + Math.min(left, patientBytes);
    const available = await this.control.waitFor(wanted, () => this.#isInterrupted);
    return this.#isInterrupted ? undefined : this.#read(Math.min(available, this.#size));
  }

  /** Ends a `next` that waits, and the following ones until `resume`. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.control.wake();
  }

  resume(): void {
    this.#isInterrupted = false;
  }

  /** DataLoss when the file, which has been read to its end, is not what the digest says. */
  verify(): void {
    const { size } = fstatSync(this.#fd);
    if (size !== this.#size) throw damaged(`blob "${this.#digest}" has ${size} bytes instead of ${this.#size}`);
    const [algorithm] = this.#digest.split(":");
    const found = `${algorithm}:${this.#hash.digest("hex")}`;
    if (found !== this.#digest) throw damaged(`blob "${this.#digest}" has the digest "${found}"`);
  }

  /** Whether all bytes from `start` on are zeros. */
  isZeroFrom(start: number): boolean {
    const buffer = Buffer.alloc(zeros.length);
    for (let at = start; at < this.#size;) {
      const bytes = readSync(this.#fd, buffer, 0, buffer.length, at);
      if (bytes === 0 || buffer.compare(zeros, 0, bytes, 0, bytes) !== 0) return false;
      at += bytes;
    }
    return true;
  }

  #read(available: number): Buffer {
    const buffer = this.#nextBuffer();
    const wanted = Math.min(buffer.length, available - this.#position);
    const bytes = readSync(this.#fd, buffer, 0, wanted, this.#position);
    if (bytes === 0) throw damaged(`blob "${this.#digest}" ends after ${this.#position} bytes`);
    this.#position += bytes;
    const chunk = buffer.subarray(0, bytes);
    this.#hash.update(chunk);
    this.control.tellRead(this.#position);
    return chunk;
  }

  #nextBuffer(): Buffer {
    this.#turn ^= 1;
    return (this.#buffers[this.#turn] ??= Buffer.allocUnsafeSlow(Math.min(chunkBytes, this.#size)));
  }
}

/** The error of bytes that are not those that were asked for. */
export function damaged(why: string): StatusError {
  return new StatusError(Code.DataLoss, why);
}

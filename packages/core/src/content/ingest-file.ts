import { type FileHandle, open, rename, rm } from "node:fs/promises";

import { Code, StatusError } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import type { Ingest } from "./types.ts";

/** What an open ingest is made of. */
export interface IngestFileOptions {
  readonly digest: Digest;
  readonly size: number;
  readonly path: string;
  /** Where `commit` moves it. */
  readonly blobPath: string;
  /** Hashes the file as it is now. */
  readonly hash: () => Promise<Digest>;
  /** Called when the file has become a blob. */
  readonly committed: () => void;
  /** Called once, when nobody holds the file any more. */
  readonly released: () => void;
}

/** An ingest on one file. Its calls take effect in the order in which they were made. */
export class IngestFile implements Ingest {
  readonly digest: Digest;
  readonly size: number;
  readonly path: string;
  readonly #options: IngestFileOptions;
  #file: FileHandle | undefined;
  #written: number;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(options: IngestFileOptions, file: FileHandle, written: number) {
    this.digest = options.digest;
    this.size = options.size;
    this.path = options.path;
    this.#options = options;
    this.#file = file;
    this.#written = written;
  }

  /** Opens the partial file or makes one; more bytes than the blob has are none of it. */
  static async open(options: IngestFileOptions): Promise<IngestFile> {
    const file = await open(options.path, "a+", 0o600);
    try {
      const { size } = await file.stat();
      if (size > options.size) await file.truncate(0);
      return new IngestFile(options, file, size > options.size ? 0 : size);
    } catch (reason) {
      await file.close();
      throw reason;
    }
  }

  get written(): number {
    return this.#written;
  }

  append(chunk: Uint8Array): Promise<void> {
    return this.#inTurn("writing", async (file) => {
      if (this.#written + chunk.byteLength > this.size) {
        throw new StatusError(Code.ResourceExhausted, `more than its ${this.size} bytes were given`);
      }
      await this.#write(file, chunk);
    });
  }

  restart(): Promise<void> {
    return this.#inTurn("beginning again", async (file) => {
      await file.truncate(0);
      this.#written = 0;
    });
  }

  commit(verified: boolean): Promise<void> {
    return this.#inTurn("committing", async () => {
      const fault = await this.#fault(verified);
      await this.#release();
      if (fault !== undefined) {
        await rm(this.path, { force: true });
        throw new StatusError(Code.DataLoss, fault);
      }
      await rename(this.path, this.#options.blobPath);
      this.#options.committed();
    });
  }

  close(): Promise<void> {
    const closed = this.#queue.then(() => this.#release());
    this.#queue = closed.catch(() => {});
    return closed;
  }

  /** What is wrong with the file as a whole; undefined when it is the blob. */
  async #fault(verified: boolean): Promise<string | undefined> {
    if (this.#written !== this.size) return `it has ${this.#written} of ${this.size} bytes`;
    if (verified) return undefined;
    const digest = await this.#options.hash();
    return digest === this.digest ? undefined : `its bytes hash to ${digest}`;
  }

  /** Files opened for appending are written at their end, which is where the next byte belongs. */
  async #write(file: FileHandle, chunk: Uint8Array): Promise<void> {
    let done = 0;
    try {
      while (done < chunk.byteLength) {
        const { bytesWritten } = await file.write(chunk, done);
        done += bytesWritten;
        this.#written += bytesWritten;
      }
    } catch (reason) {
      // What was written so far would keep the disk full for everybody else.
      if (isFull(reason)) await this.#drop();
      throw reason;
    }
  }

  async #drop(): Promise<void> {
    await rm(this.path, { force: true });
    await this.#release();
  }

  async #release(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (!file) return;
    try {
      await file.close();
    } finally {
      this.#options.released();
    }
  }

  #inTurn(doing: string, work: (file: FileHandle) => Promise<void>): Promise<void> {
    const turn = this.#perform(this.#queue, doing, work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async #perform(before: Promise<unknown>, doing: string, work: (file: FileHandle) => Promise<void>): Promise<void> {
    await before;
    try {
      if (!this.#file) throw new StatusError(Code.FailedPrecondition, "the ingest is closed");
      await work(this.#file);
    } catch (reason) {
      throw StatusError.from(reason, `${doing} blob "${this.digest}"`);
    }
  }
}

function isFull(reason: unknown): boolean {
  const { code } = reason as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT";
}

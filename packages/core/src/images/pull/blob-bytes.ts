import type { UnpackRun } from "../../layers/types.ts";
import type { BlobFollower } from "./blob-work.ts";

/** What is known of a blob that comes in, and the one who reads it meanwhile. */
export class BlobBytes implements BlobFollower {
  readonly #opened = Promise.withResolvers<void>();
  readonly #whole = Promise.withResolvers<void>();
  readonly #moved: () => void;
  #available = 0;
  #grewAt = performance.now();
  #run: UnpackRun | undefined;

  /** `moved` is called when bytes came. */
  constructor(moved: () => void) {
    this.#moved = moved;
  }

  /** Bytes that can be read. */
  get available(): number {
    return this.#available;
  }

  /** Bytes that the one who reads has read. */
  get read(): number {
    return this.#run?.readBytes ?? 0;
  }

  /** Settles when there is a file. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Settles when all bytes are there. */
  get whole(): Promise<void> {
    return this.#whole.promise;
  }

  /** Milliseconds for which the one who reads has had nothing to read. */
  get starvedMs(): number {
    return this.read < this.#available ? 0 : performance.now() - this.#grewAt;
  }

  open(available: number): void {
    this.grew(available);
    this.#opened.resolve();
  }

  grew(available: number): void {
    this.#available = available;
    this.#grewAt = performance.now();
    this.#run?.available(available);
    this.#moved();
  }

  /** All bytes are there. */
  end(): void {
    this.#whole.resolve();
  }

  /** Tells a reader what is there, and what comes from now on. */
  feed(run: UnpackRun): void {
    this.#run = run;
    run.available(this.#available);
  }
}

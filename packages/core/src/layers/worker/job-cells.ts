/**
 * What both sides of a job see at any time, in shared memory: a worker that is busy with a chunk reads no messages. Numbers only grow.
 */
export class JobCells {
  readonly shared: SharedArrayBuffer;
  readonly #numbers: BigInt64Array;
  readonly #flags: Int32Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(24)) {
    this.shared = shared;
    this.#numbers = new BigInt64Array(shared, 0, 2);
    this.#flags = new Int32Array(shared, 16, 2);
  }

  /** Bytes of the blob that can be read. */
  get available(): number {
    return Number(Atomics.load(this.#numbers, 0));
  }

  set available(bytes: number) {
    Atomics.store(this.#numbers, 0, BigInt(bytes));
  }

  /** Bytes of the blob that have been read. */
  get readBytes(): number {
    return Number(Atomics.load(this.#numbers, 1));
  }

  set readBytes(bytes: number) {
    Atomics.store(this.#numbers, 1, BigInt(bytes));
  }

  get isCancelled(): boolean {
    return Atomics.load(this.#flags, 0) === 1;
  }

  cancel(): void {
    Atomics.store(this.#flags, 0, 1);
  }

  /** Whether the worker waits for more and wants to be told. It looks once more after it has said so. */
  get isWaiting(): boolean {
    return Atomics.load(this.#flags, 1) === 1;
  }

  set isWaiting(value: boolean) {
    Atomics.store(this.#flags, 1, value ? 1 : 0);
  }
}

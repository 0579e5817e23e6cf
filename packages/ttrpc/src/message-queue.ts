/** What a queue tells its owner. */
export interface MessageQueueOptions {
  /** Messages that may wait before the queue calls itself full. It still takes more: frames in flight have to go somewhere. */
  readonly limit: number;
  /** Bytes that may wait, for the same purpose. */
  readonly limitBytes: number;
  readonly onFull: () => void;
  /** The queue is no longer full. Called once after each `onFull`, also when the queue ends. */
  readonly onRoom: () => void;
  /** The consumer left before the end. */
  readonly onAbandon: () => void;
}

type End = { readonly reason: unknown } | "done";

interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(reason: unknown): void;
}

/** Messages on their way from a connection to one consumer, who pulls them. */
export class MessageQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #options: MessageQueueOptions;
  readonly #items: { readonly value: T; readonly bytes: number }[] = [];
  readonly #waiters: Waiter<T>[] = [];
  #bytes = 0;
  #full = false;
  #end: End | undefined;

  constructor(options: MessageQueueOptions) {
    this.#options = options;
  }

  /** Adds a message of this size on the wire; after the end it is dropped. */
  push(value: T, bytes: number): void {
    if (this.#end !== undefined) return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value });
      return;
    }
    this.#items.push({ value, bytes });
    this.#bytes += bytes;
    this.#updateFull();
  }

  /** No message follows those that wait. */
  end(): void {
    this.#finish("done");
  }

  /** The consumer gets this error after the messages that wait, or instead of them. */
  fail(reason: unknown, options: { readonly discard: boolean }): void {
    if (this.#end !== undefined && !(options.discard && this.#items.length > 0)) return;
    if (options.discard) this.#clear();
    this.#end = undefined;
    this.#finish({ reason });
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#bytes -= item.bytes;
      this.#updateFull();
      return Promise.resolve({ done: false, value: item.value });
    }
    if (this.#end === undefined) {
      const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<T, undefined>>();
      this.#waiters.push({ resolve, reject });
      return promise;
    }
    const end = this.#end;
    // An iterator throws once, then it is done.
    this.#end = "done";
    return end === "done" ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(end.reason);
  }

  return(): Promise<IteratorResult<T, undefined>> {
    const abandoned = this.#end === undefined;
    this.#clear();
    this.#end = undefined;
    this.#finish("done");
    if (abandoned) this.#options.onAbandon();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #clear(): void {
    this.#items.length = 0;
    this.#bytes = 0;
    this.#updateFull();
  }

  #finish(end: End): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#updateFull();
    for (const waiter of this.#waiters.splice(0)) {
      if (end === "done") waiter.resolve({ done: true, value: undefined });
      else waiter.reject(end.reason);
    }
  }

  #updateFull(): void {
    const full =
      this.#end === undefined && (this.#items.length >= this.#options.limit || this.#bytes >= this.#options.limitBytes);
    if (full === this.#full) return;
    this.#full = full;
    if (full) this.#options.onFull();
    else this.#options.onRoom();
  }
}

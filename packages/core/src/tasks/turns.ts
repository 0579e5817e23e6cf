/**
 * Lets calls for the same key run one after the other, in the order they came, and those for different keys at the same
 * time.
 */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `body` when all earlier ones of the key have settled. */
  async take<T>(key: string, body: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last.set(key, promise);
    await before;
    try {
      return await body();
    } finally {
      if (this.#last.get(key) === promise) this.#last.delete(key);
      resolve();
    }
  }
}

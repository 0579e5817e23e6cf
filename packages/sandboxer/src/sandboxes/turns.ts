/** Lets what concerns the same id run one after the other, in the order in which it came. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `work` when all that came before it for this id has settled. */
  async take<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(id);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last.set(id, promise);
    try {
      await before;
      return await work();
    } finally {
      if (this.#last.get(id) === promise) this.#last.delete(id);
      resolve();
    }
  }
}

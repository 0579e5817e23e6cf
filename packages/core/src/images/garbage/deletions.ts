/** Removals under way. Whoever claims something waits for one that had been decided on before. */
export class Deletions {
  readonly #running = new Map<string, Promise<void>>();

  /** Runs a removal unless one of the same key runs; the decision must have been taken in the same turn. */
  run(key: string, remove: () => Promise<void>): Promise<void> {
    const running = this.#running.get(key);
    if (running) return running;
    const work = remove().finally(() => this.#running.delete(key));
    this.#running.set(key, work);
    return work;
  }

  /** Settles when no removal of this key runs; its failure is of no interest here. */
  async settled(key: string): Promise<void> {
    await this.#running.get(key)?.catch(() => {});
  }
}

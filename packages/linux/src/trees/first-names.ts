/** Files with several names that are remembered. Beyond, each name passes for a file of its own. */
const maximumLinked = 500_000;

/** Where a walk has met files with several names for the first time. */
export class FirstNames {
  readonly #paths = new Map<string, Buffer>();

  /** The path at which the file has been met before; undefined when `path` is the first. */
  of(identity: string, path: Buffer): Buffer | undefined {
    const first = this.#paths.get(identity);
    if (first === undefined && this.#paths.size < maximumLinked) this.#paths.set(identity, path);
    return first;
  }
}

import type { Digest } from "@crib/oci-spec";

/** Blobs that an import or an export keeps while it runs. What one of a dead daemon had is garbage. */
export class Holds {
  readonly #counts = new Map<Digest, number>();

  /** Keeps a blob, also one that is not there yet, until the function it gives is called. */
  hold(digest: Digest): () => void {
    this.#counts.set(digest, (this.#counts.get(digest) ?? 0) + 1);
    let isHeld = true;
    return () => {
      if (isHeld) this.#release(digest);
      isHeld = false;
    };
  }

  list(): Iterable<Digest> {
    return this.#counts.keys();
  }

  #release(digest: Digest): void {
    const left = (this.#counts.get(digest) ?? 0) - 1;
    if (left > 0) this.#counts.set(digest, left);
    else this.#counts.delete(digest);
  }
}

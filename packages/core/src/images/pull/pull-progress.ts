import type { Digest } from "@crib/oci-spec";

import type { PullEvent } from "../types.ts";

/** How one layer goes on. */
export type LayerProgress = Omit<Extract<PullEvent, { kind: "layer" }>, "kind">;

/** Milliseconds between two events of a layer whose state stays the same. */
const intervalMs = 100;

interface Row {
  progress: LayerProgress;
  sentAt: number;
  timer: NodeJS.Timeout | undefined;
}

/** Tells listeners how a pull goes on; those who come late get what is true now first. */
export class PullProgress {
  readonly #reference: string;
  readonly #listeners = new Set<(event: PullEvent) => void>();
  /** One for each digest: the same blob twice in an image is shown once. */
  readonly #rows = new Map<Digest, Row>();
  #resolved: PullEvent | undefined;

  constructor(reference: string) {
    this.#reference = reference;
  }

  /** Gives the function that takes the listener away again. */
  listen(listener: (event: PullEvent) => void): () => void {
    listener({ kind: "resolving", reference: this.#reference });
    if (this.#resolved) listener(this.#resolved);
    for (const { progress } of this.#rows.values()) listener({ kind: "layer", ...progress });
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  resolved(digest: Digest, layers: readonly { readonly digest: Digest; readonly size: number }[]): void {
    const shown = layers.map(({ digest: layer, size }) => ({ digest: layer, size }));
    this.#resolved = { kind: "resolved", reference: this.#reference, digest, layers: shown };
    this.#tell(this.#resolved);
    for (const { digest: layer, size } of shown) {
      if (!this.#rows.has(layer)) this.layer({ digest: layer, state: "waiting", downloaded: 0, unpacked: 0, size });
    }
  }

  /** Changes of the state are told at once, of the numbers at most ten times a second. */
  layer(progress: LayerProgress): void {
    const row = this.#rows.get(progress.digest);
    if (!row || row.progress.state !== progress.state) {
      clearTimeout(row?.timer);
      this.#rows.set(progress.digest, { progress, sentAt: Date.now(), timer: undefined });
      this.#tell({ kind: "layer", ...progress });
      return;
    }
    row.progress = progress;
    const waitMs = row.sentAt + intervalMs - Date.now();
    row.timer ??= setTimeout(() => this.#flush(row), Math.max(0, Math.min(waitMs, intervalMs))).unref();
  }

  done(imageId: Digest): void {
    this.close();
    this.#tell({ kind: "done", imageId });
  }

  /** Nothing more is told of layers. */
  close(): void {
    for (const row of this.#rows.values()) clearTimeout(row.timer);
  }

  #flush(row: Row): void {
    row.timer = undefined;
    row.sentAt = Date.now();
    this.#tell({ kind: "layer", ...row.progress });
  }

  #tell(event: PullEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

import { StatusError } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import type { FlowRows } from "../../flow/flow-rows.ts";
import type { Retries } from "../../flow/retries.ts";
import { RowOwners } from "../../flow/row-owners.ts";
import { FlowFailure } from "../../flow/run-flow.ts";
import type { Database } from "../../metadata/database.ts";
import { freeingTransaction, freeingWork } from "../../metadata/disk-reserve.ts";
import type { RemovalDeps } from "../garbage/removals.ts";
import type { ImagesLog } from "../images-options.ts";
import type { ImageStore } from "../records/image-store.ts";
import type { ImageRecord } from "../types.ts";
import { removeImage } from "./remove-image.ts";

/** What the removal of images is made of. */
export interface RemovalLifeOptions {
  readonly database: Database;
  readonly images: ImageStore;
  readonly rows: FlowRows<RemovalDeps, ImageRecord, Record<string, never>>;
  readonly retries: Retries;
  /** Whether a loss of power leaves no image that has lost files. */
  readonly syncOnCommit: boolean;
  /** Asks for a collection soon. */
  readonly collect: () => void;
  readonly log: ImagesLog;
}

/** Takes images from their names to nothing. A pull of the same image that ends meanwhile makes it ready again. */
export class RemovalLife {
  readonly #options: RemovalLifeOptions;
  readonly #owners = new RowOwners("image");
  readonly #attempts = new Map<Digest, number>();

  constructor(options: RemovalLifeOptions) {
    this.#options = options;
  }

  /** Takes all names from a ready image; what it alone needs is gone when this settles. */
  async remove(id: Digest): Promise<void> {
    const { database, images, log } = this.#options;
    // The copy goes first: one without its row would bring the image back when the database is lost.
    await images.dropCopy(id);
    if (images.find(id)?.state !== "ready") return await this.finish(id);
    freeingTransaction(database, () => {
      images.dropNames(id);
      images.put({ ...images.get(id), state: "removing" });
    });
    log.info({ imageId: id }, "image is being removed");
    await this.finish(id);
  }

  /** Removes the rest of an image without names, and then its row; joins the removal that runs. */
  finish(id: Digest): Promise<void> {
    return this.#owners.find(id)?.done ?? this.#owners.own(id, removeImage.name, () => this.#finish(id));
  }

  /** Goes on with a removal that was left half-way. Never rejects: a failure is retried. */
  async heal(id: Digest): Promise<void> {
    if (this.#options.images.find(id)?.state !== "removing") return;
    await this.finish(id).catch(() => {}); // it was logged and is scheduled again
  }

  /** Waits for the removals that run. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#owners.all().map(({ done }) => done));
  }

  async #finish(id: Digest): Promise<void> {
    const { database, images, syncOnCommit, collect, log } = this.#options;
    if (images.find(id)?.state !== "removing") return;
    try {
      // After a power cut nothing must lead to files that had begun to go.
      if (syncOnCommit) await database.sync();
      // There may have been room to say that it is to go, and none for its layers' rows.
      await freeingWork(database, () => this.#removeFiles(id));
      freeingTransaction(database, () => {
        if (images.find(id)?.state === "removing") images.delete(id);
      });
      // One that a pull has made ready again keeps its copy; one that a pull has written too late goes.
      await images.copy(id);
      log.info({ imageId: id }, "image is removed");
    } catch (reason) {
      throw this.#keepProblem(id, reason);
    }
    collect();
  }

  async #removeFiles(id: Digest): Promise<void> {
    try {
      await this.#options.rows.forward(removeImage, id, new AbortController().signal);
    } catch (reason) {
      throw reason instanceof FlowFailure ? reason.error : reason;
    }
  }

  #keepProblem(id: Digest, reason: unknown): StatusError {
    const { retries, log } = this.#options;
    const error = StatusError.from(reason);
    const attempts = (this.#attempts.get(id) ?? 0) + 1;
    this.#attempts.set(id, attempts);
    log.warn({ imageId: id, attempts, error: error.message }, "image cannot be removed yet");
    retries.schedule(id, attempts, () => this.heal(id));
    return new StatusError(error.code, `removing image "${id}": ${error.message}`, { cause: error });
  }
}

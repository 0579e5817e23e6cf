import type { Digest } from "@crib/oci-spec";

import { canonicalJson, checksum as checksumOf } from "../../metadata/canonical-json.ts";
import { classifySqlite } from "../../metadata/classify-sqlite.ts";
import type { Database } from "../../metadata/database.ts";
import { onRollback } from "../../metadata/transaction.ts";

/** A name of an image. */
export interface ImageName {
  /** `registry/repository:tag` or `registry/repository@digest`. */
  readonly name: string;
  readonly imageId: Digest;
  /** The manifest or index that the name stands for. */
  readonly target: Digest;
}

/** Names in the table `image_names` and in memory. Writes are part of the open transaction where there is one. */
export class ImageNames {
  /** How many were damaged when the table was opened. They are dropped: a name must not lead to what it was not given for. */
  readonly damaged: number;
  readonly #database: Database;
  readonly #byName = new Map<string, ImageName>();
  readonly #byImage = new Map<Digest, Set<string>>();

  /** Names of images that are not known are dropped. */
  constructor(database: Database, isKnown: (id: Digest) => boolean) {
    this.#database = database;
    const rows = database.sqlite.prepare("SELECT name, image_id AS imageId, target, checksum FROM image_names").all();
    let damaged = 0;
    for (const { checksum, ...name } of rows as unknown as readonly (ImageName & { readonly checksum: string })[]) {
      const isSound = seal(name) === checksum;
      if (!isSound) damaged++;
      if (isSound && isKnown(name.imageId)) this.#enter(name.name, name);
      else this.#run("DELETE FROM image_names WHERE name = ?", name.name);
    }
    this.damaged = damaged;
  }

  find(name: string): ImageName | undefined {
    return this.#byName.get(name);
  }

  /** In no particular order. */
  of(id: Digest): readonly ImageName[] {
    return [...(this.#byImage.get(id) ?? [])].flatMap((name) => this.#byName.get(name) ?? []);
  }

  /** What the name stood for before loses it. */
  set({ name, imageId, target }: ImageName): void {
    this.#run(
      `INSERT INTO image_names (name, image_id, target, checksum) VALUES (?, ?, ?, ?) ON CONFLICT (name)
       DO UPDATE SET image_id = excluded.image_id, target = excluded.target, checksum = excluded.checksum`,
      name,
      imageId,
      target,
      seal({ name, imageId, target }),
    );
    this.#change(name, { name, imageId, target });
  }

  /** Removes all names of an image. */
  drop(id: Digest): void {
    this.#run("DELETE FROM image_names WHERE image_id = ?", id);
    for (const { name } of this.of(id)) this.#change(name, undefined);
  }

  #change(name: string, value: ImageName | undefined): void {
    const before = this.#byName.get(name);
    this.#enter(name, value);
    onRollback(this.#database, () => this.#enter(name, before));
  }

  #enter(name: string, value: ImageName | undefined): void {
    const before = this.#byName.get(name);
    if (before) this.#byImage.get(before.imageId)?.delete(name);
    if (value === undefined) {
      this.#byName.delete(name);
      return;
    }
    this.#byName.set(name, value);
    const names = this.#byImage.get(value.imageId) ?? new Set();
    this.#byImage.set(value.imageId, names.add(name));
  }

  #run(statement: string, ...values: readonly string[]): void {
    try {
      this.#database.sqlite.prepare(statement).run(...values);
    } catch (reason) {
      throw classifySqlite(reason, "writing names of images");
    }
    this.#database.committed();
  }
}

/** The checksum over a row, whose columns have no order. */
function seal(name: ImageName): string {
  return checksumOf(canonicalJson(name));
}

import { digestHex, type Digest } from "@crib/oci-spec";

import type { Database } from "../../metadata/database.ts";
import type { QuarantinedRecord } from "../../metadata/named-records.ts";
import type { RecordCopies } from "../../metadata/record-copies.ts";
import { openRecordTable, type RecordTable } from "../../metadata/record-table.ts";
import { openSealed, sealJson } from "../../metadata/sealed-json.ts";
import { transaction } from "../../metadata/transaction.ts";
import type { ImageRecord } from "../types.ts";
import { type ImageName, ImageNames } from "./image-names.ts";
import { imageCopySchema, imageSchema } from "./image-schema.ts";

/** The durable images and their names, all in memory too. Writes are part of the open transaction where there is one. */
export interface ImageStore extends Pick<RecordTable<ImageRecord>, "get" | "find" | "list" | "put"> {
  /** Records that were bad and had no good copy. */
  readonly quarantined: readonly QuarantinedRecord[];
  findName(name: string): ImageName | undefined;
  /** Names of an image, in no particular order. */
  namesOf(id: Digest): readonly ImageName[];
  /** Points a name at an image; what it stood for before loses it. */
  setName(name: ImageName): void;
  /** Removes all names of an image. */
  dropNames(id: Digest): void;
  /** Removes an image and its names. Absence is success. */
  delete(id: Digest): void;
  /** Writes the JSON copy of an image as it stands now; removes it when there is no ready one. */
  copy(id: Digest): Promise<void>;
  /** Removes the JSON copy. */
  dropCopy(id: Digest): Promise<void>;
}

/**
 * Loads all images. A bad record is replaced by its copy, if that is good, and a good copy whose row was lost comes back, with a
 * database that was put aside as with one that looks healthy: a removal takes the copy before the row.
 */
export async function openImageStore(database: Database, copies: RecordCopies): Promise<ImageStore> {
  const table = openRecordTable<ImageRecord>(database, { table: "images", noun: "image", schema: imageSchema });
  const names = new ImageNames(database, (id) => table.find(id) !== undefined);
  const copyOf = (id: Digest): string => digestHex(id);
  const quarantined: QuarantinedRecord[] = [];

  const restore = async (folder: string): Promise<boolean> => {
    const sealed = await copies.read(folder);
    if (!sealed) return false;
    const { image, names: given } = openSealed<{ image: ImageRecord; names: readonly ImageName[] }>(
      sealed,
      imageCopySchema,
    );
    const record = table.find(image.id);
    if (record?.state === "removing") return false;
    transaction(database, () => {
      if (!record) table.put(image);
      for (const { name, target } of given) {
        if (!names.find(name)) names.set({ name, imageId: image.id, target });
      }
    });
    return true;
  };

  for (const { id, reason } of table.bad) {
    const restored = await restore(id.slice(id.indexOf(":") + 1)).catch(() => false);
    if (!restored) quarantined.push({ id, reason });
  }
  const known = new Set(table.list().map(({ id }) => copyOf(id)));
  for (const folder of await copies.list()) {
    // Names that were damaged were dropped and may be in any of the copies.
    if (known.has(folder) && names.damaged === 0) continue;
    const restored = await restore(folder).catch(() => false);
    if (!restored) await copies.remove(folder);
  }

  return {
    quarantined,
    get: (id) => table.get(id),
    find: (id) => table.find(id),
    list: () => table.list(),
    put: (record) => table.put(record),
    findName: (name) => names.find(name),
    namesOf: (id) => names.of(id),
    setName: (name) => names.set(name),
    dropNames: (id) => names.drop(id),
    delete(id): void {
      transaction(database, () => {
        names.drop(id);
        table.delete(id);
      });
    },
    async copy(id): Promise<void> {
      const image = table.find(id);
      if (image?.state !== "ready") return await copies.remove(copyOf(id));
      const named = names.of(id).map(({ name, target }) => ({ name, target }));
      await copies.write(copyOf(id), sealJson({ image, names: named }));
    },
    dropCopy: (id) => copies.remove(copyOf(id)),
  };
}

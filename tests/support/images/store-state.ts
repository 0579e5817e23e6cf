import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { BlobState, Images } from "@crib/wire/admin";

import type { Node } from "../node.ts";

/** Hashes the node's store; gives the blobs that are not sound. */
export async function unsoundBlobs(node: Node): Promise<readonly string[]> {
  const unsound: string[] = [];
  for await (const { digest, state } of node.cri.service(Images).verify({})) {
    if (state !== BlobState.SOUND) unsound.push(digest);
  }
  return unsound;
}

/** What is in the store, found without crib's code: blobs, directories of snapshots, and rows of images, snapshots and pulls. */
export function storeContents(node: Node): readonly string[] {
  const files = (dir: string): readonly string[] => {
    try {
      return readdirSync(join(node.root, dir)).map((name) => `${dir}/${name}`);
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw reason;
    }
  };
  using database = new DatabaseSync(join(node.root, "metadata.db"), { readOnly: true });
  const rows = ["images", "image_names", "snapshots", "pulls"].flatMap((table) =>
    database
      .prepare(`SELECT * FROM ${table}`)
      .all()
      .map((row) => `${table}: ${String(row["id"] ?? row["name"])}`),
  );
  const blobs = ["sha256", "sha512"].flatMap((algorithm) => files(`content/blobs/${algorithm}`));
  return [...blobs, ...files("snapshots").filter((path) => /\/\d+$/.test(path)), ...rows];
}

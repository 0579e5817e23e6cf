import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { sealJson } from "@crib/core/metadata";

import type { Node } from "../node.ts";

/** Makes the rows of pulls look, to the next daemon of a node, as if they were of another boot of the machine. */
export function pretendReboot(node: Node): void {
  using database = new DatabaseSync(join(node.root, "metadata.db"));
  // A database that the disk knows little of has no tables.
  if (!database.prepare("SELECT name FROM sqlite_schema WHERE name = 'pulls'").get()) return;
  const rows = database.prepare("SELECT id, record FROM pulls").all() as unknown as readonly {
    readonly id: string;
    readonly record: string;
  }[];
  for (const { id, record } of rows) {
    const sealed = sealJson({ ...(JSON.parse(record) as object), bootId: "00000000-0000-0000-0000-000000000000" });
    database.prepare("UPDATE pulls SET record = ?, checksum = ? WHERE id = ?").run(sealed.record, sealed.checksum, id);
  }
}

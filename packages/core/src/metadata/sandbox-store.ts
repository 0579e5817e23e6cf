import type { SandboxRecord } from "../sandbox/types.ts";
import type { Database } from "./database.ts";
import { type NamedRecords, openNamedRecords } from "./named-records.ts";
import type { RecordCopies } from "./record-copies.ts";
import { sandboxSchema } from "./sandbox-record.ts";

/** The durable records of pod sandboxes. */
export type SandboxStore = NamedRecords<SandboxRecord>;

/** Loads the records of pod sandboxes; see `openNamedRecords`. */
export function openSandboxStore(database: Database, copies: RecordCopies): Promise<SandboxStore> {
  return openNamedRecords<SandboxRecord>(database, copies, {
    table: "sandboxes",
    noun: "sandbox",
    schema: sandboxSchema,
    yieldName: (record) => ({
      ...record,
      name: `${record.name}_${record.id}`,
      state: record.state === "ready" ? "stopping" : record.state,
    }),
  });
}

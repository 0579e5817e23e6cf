import * as z from "zod";

import type { ContainerRecord } from "../containers/types.ts";
import { isSandboxId } from "../sandbox/sandbox-id.ts";
import type { Database } from "./database.ts";
import { type NamedRecords, openNamedRecords } from "./named-records.ts";
import type { RecordCopies } from "./record-copies.ts";

/** The durable records of containers. */
export type ContainerStore = NamedRecords<ContainerRecord>;

const containerSchema = z.looseObject({
  version: z.literal(1),
  id: z.string().refine(isSandboxId, "is no container id"),
  name: z.string().min(1),
  state: z.enum(["creating", "created", "starting", "running", "ending", "exited", "removing"]),
  createdAt: z.iso.datetime(),
  bootId: z.string(),
  plan: z.looseObject({
    sandboxId: z.string().refine(isSandboxId, "is no sandbox id"),
    name: z.string(),
    pod: z.looseObject({ name: z.string(), namespace: z.string(), uid: z.string() }),
    snapshotKey: z.string().min(1),
    rootDir: z.string().startsWith("/"),
    bundleDir: z.string().startsWith("/"),
    cgroupPath: z.string().min(1),
  }),
  facts: z.looseObject({}),
  runs: z.array(z.looseObject({ flow: z.string() })),
});

/** Loads the records of containers; see `openNamedRecords`. */
export function openContainerStore(database: Database, copies: RecordCopies): Promise<ContainerStore> {
  return openNamedRecords<ContainerRecord>(database, copies, {
    table: "containers",
    noun: "container",
    schema: containerSchema,
    yieldName: (record) => ({ ...record, name: `${record.name}_${record.id}`, state: "removing" }),
  });
}

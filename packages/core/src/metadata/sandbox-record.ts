import * as z from "zod";

import { isSandboxId } from "../sandbox/sandbox-id.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import type { SealedRecord } from "./record-copies.ts";
import { openSealed, sealJson } from "./sealed-json.ts";

/** What recovery cannot do without of the record of a pod sandbox. The checksum vouches for the rest: nothing but crib writes records. */
export const sandboxSchema = z.looseObject({
  version: z.literal(1),
  id: z.string().refine(isSandboxId, "is no sandbox id"),
  name: z.string().min(1),
  state: z.enum(["creating", "ready", "stopping", "notready", "removing"]),
  createdAt: z.iso.datetime(),
  bootId: z.string(),
  plan: z.looseObject({
    pod: z.looseObject({ name: z.string(), namespace: z.string(), uid: z.string(), attempt: z.number() }),
    handler: z.looseObject({ name: z.string(), controller: z.string() }),
    networks: z.array(z.looseObject({ name: z.string(), ifName: z.string(), config: z.string() })),
    rootDir: z.string(),
    stateDir: z.string(),
    // Records of the first days have none.
    ownedCgroups: z.array(z.string()).default([]),
  }),
  facts: z.looseObject({}),
  runs: z.array(z.looseObject({ flow: z.string() })),
});

/** The record as JSON with its checksum. */
export function sealRecord(record: SandboxRecord): SealedRecord {
  return sealJson(record);
}

/** The record of a sealed text. Throws DataLoss when the checksum or the shape is wrong. */
export function openRecord(sealed: SealedRecord): SandboxRecord {
  return openSealed<SandboxRecord>(sealed, sandboxSchema);
}

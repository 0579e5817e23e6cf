import { Code, StatusError } from "@crib/errdefs";
import { z } from "zod";

import { isSandboxId } from "../sandbox/sandbox-id.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import { canonicalJson, checksum } from "./canonical-json.ts";
import type { SealedRecord } from "./record-copies.ts";

/** What recovery cannot do without. The checksum vouches for the rest: nothing but crib writes records. */
const recordSchema = z.looseObject({
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

/** The record as canonical JSON with its checksum. */
export function sealRecord(record: SandboxRecord): SealedRecord {
  const text = canonicalJson(record);
  return { record: text, checksum: checksum(text) };
}

/** The record of a sealed text. Throws DataLoss when the checksum or the shape is wrong. */
export function openRecord(sealed: SealedRecord): SandboxRecord {
  if (checksum(sealed.record) !== sealed.checksum) {
    throw new StatusError(Code.DataLoss, "record: its checksum does not match its content");
  }
  const parsed = recordSchema.safeParse(JSON.parse(sealed.record));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new StatusError(Code.DataLoss, `record: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`);
  }
  return parsed.data as unknown as SandboxRecord;
}

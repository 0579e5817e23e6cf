import { Code, StatusError } from "@crib/errdefs";
import type { ZodType } from "zod";

import { checksum } from "./canonical-json.ts";
import type { SealedRecord } from "./record-copies.ts";

/** A value as JSON with the checksum of the text. The text is kept as it is, so that the order of keys needs no rule. */
export function sealJson(value: unknown): SealedRecord {
  const text = JSON.stringify(value);
  return { record: text, checksum: checksum(text) };
}

/**
 * The value of a sealed text. Throws DataLoss when the checksum is wrong or the schema does not fit. The schema need only name
 * what recovery cannot do without: the checksum vouches for the rest, since nothing but crib writes records.
 */
export function openSealed<T>(sealed: SealedRecord, schema: ZodType<T> | ZodType): T {
  if (checksum(sealed.record) !== sealed.checksum) {
    throw new StatusError(Code.DataLoss, "record: its checksum does not match its content");
  }
  const parsed = schema.safeParse(JSON.parse(sealed.record));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new StatusError(Code.DataLoss, `record: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`);
  }
  return parsed.data as T;
}

import { Code, StatusError } from "@crib/errdefs";

/** Result codes of SQLite (sqlite.org/rescode.html) that tell more than that something went wrong. */
const byResult: Readonly<Record<number, Code>> = {
  5: Code.Unavailable, // SQLITE_BUSY
  11: Code.DataLoss, // SQLITE_CORRUPT
  13: Code.ResourceExhausted, // SQLITE_FULL
};

/** An error of `node:sqlite` as a StatusError: a full disk is ResourceExhausted, a damaged file DataLoss. */
export function classifySqlite(reason: unknown, doing: string): StatusError {
  const { errcode } = reason as { readonly errcode?: unknown };
  // The upper bytes of an extended result code only say where it happened.
  const code = typeof errcode === "number" ? byResult[errcode & 0xff] : undefined;
  return code === undefined
    ? StatusError.from(reason, doing)
    : new StatusError(code, `${doing}: ${(reason as Error).message}`, { cause: reason });
}

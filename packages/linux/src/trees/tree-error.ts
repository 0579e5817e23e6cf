import { constants } from "node:os";
import { getSystemErrorMessage, getSystemErrorName } from "node:util";

import { Code, StatusError } from "@crib/errdefs";

import { errnoError } from "../libc/errno-error.ts";

const { errno } = constants;
/** What a call fails with because of the names, numbers or bytes that it was given, not because of the machine. */
const inputErrors: ReadonlySet<number> = new Set([
  errno.ENOENT,
  errno.ENOTDIR,
  errno.EISDIR,
  errno.ELOOP,
  errno.ENAMETOOLONG,
  errno.EINVAL,
  errno.ERANGE,
  errno.E2BIG,
  errno.EFBIG,
  errno.EOVERFLOW,
]);

/** A path of a tree as an error message shows it: quoted, without control characters, not too long. */
export function quotePath(path: Uint8Array): string {
  const text = Buffer.from(path.buffer, path.byteOffset, Math.min(path.byteLength, 200)).toString();
  return JSON.stringify(path.byteLength > 200 ? `${text}...` : text);
}

/** The error of a call that writes an entry; `result` is its negative errno. */
export function entryError(result: number, doing: string, path: Uint8Array): StatusError {
  const what = `${doing} ${quotePath(path)}`;
  const isInput = inputErrors.has(-result);
  if (!isInput && result !== -errno.EMLINK) return errnoError(result, what);
  const code = isInput ? Code.InvalidArgument : Code.ResourceExhausted;
  return new StatusError(code, `${what}: ${getSystemErrorName(result)}: ${getSystemErrorMessage(result)}`);
}

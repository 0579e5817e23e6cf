import { posix } from "node:path";

import { invalid, quote } from "./invalid.ts";
import { checkText } from "./text.ts";

/** PATH_MAX of Linux, with its NUL. */
const maxBytes = 4095;

/** An absolute path without `.`, `..` and doubled slashes, so that the string says where it leads. One trailing slash is taken off. */
export function checkAbsolutePath(field: string, value: string): string {
  checkStartsAtRoot(field, value);
  const path = value.length > 1 && value.endsWith("/") ? value.slice(0, -1) : value;
  if (posix.normalize(path) !== path) throw invalid(field, `${quote(value)} has an empty, "." or ".." component`);
  return path;
}

/**
 * An absolute path as pods' authors write them: doubled slashes, `.` and a trailing slash are taken out. `..` is refused, since
 * what it means depends on symbolic links.
 */
export function checkMountPath(field: string, value: string): string {
  checkStartsAtRoot(field, value);
  if (value.split("/").includes("..")) throw invalid(field, `${quote(value)} has a ".." component`);
  const path = posix.normalize(value);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** Any absolute path of a length that Linux takes, without control characters. */
export function checkStartsAtRoot(field: string, value: string): void {
  checkText(field, value, { maxBytes });
  if (!value.startsWith("/")) throw invalid(field, `${quote(value)} is not an absolute path`);
}

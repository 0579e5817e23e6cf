import { posix } from "node:path";

import { invalid, quote } from "./invalid.ts";
import { checkText } from "./text.ts";

/** PATH_MAX of Linux, with its NUL. */
const maxBytes = 4095;

/** An absolute path without `.`, `..` and doubled slashes, so that the string says where it leads. One trailing slash is taken off. */
export function checkAbsolutePath(field: string, value: string): string {
  checkText(field, value, { maxBytes });
  if (!value.startsWith("/")) throw invalid(field, `${quote(value)} is not an absolute path`);
  const path = value.length > 1 && value.endsWith("/") ? value.slice(0, -1) : value;
  if (posix.normalize(path) !== path) throw invalid(field, `${quote(value)} has an empty, "." or ".." component`);
  return path;
}

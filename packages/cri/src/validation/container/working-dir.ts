import { posix } from "node:path";

import { checkStartsAtRoot } from "../values/absolute-path.ts";
import { invalid, quote } from "../values/invalid.ts";

const field = "config.working_dir";

/** Directories that are not the container's: what a descriptor of the runtime happens to be open at (CVE-2024-21626). */
const descriptors = /^\/(?:proc\/(?:self|thread-self|\d+)(?:\/task\/\d+)?|dev)\/fd(?:\/|$)/;

/** The working directory of the container's process, absolute, or empty for that of the image. */
export function checkWorkingDir(value: string): string {
  if (value === "") return "";
  checkStartsAtRoot(field, value);
  if (descriptors.test(posix.normalize(value))) throw invalid(field, `${quote(value)} is a descriptor of the runtime`);
  return value;
}

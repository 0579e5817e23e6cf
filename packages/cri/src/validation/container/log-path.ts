import { posix } from "node:path";

import { checkAbsolutePath } from "../values/absolute-path.ts";
import { invalid, quote } from "../values/invalid.ts";
import { checkText } from "../values/text.ts";

const field = "config.log_path";

/**
 * The file that the container's output is written to: the request's path in the pod's log directory, which it cannot leave.
 * Empty, for no log, when the request or the pod has none.
 */
export function checkLogPath(logDirectory: string, value: string): string {
  if (value === "") return "";
  checkText(field, value, { maxBytes: 4_095 });
  if (value.startsWith("/")) throw invalid(field, `${quote(value)} is not relative to the pod's log_directory`);
  if (value.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw invalid(field, `${quote(value)} has an empty, "." or ".." component`);
  }
  return logDirectory === "" ? "" : checkAbsolutePath(field, posix.join(logDirectory, value));
}

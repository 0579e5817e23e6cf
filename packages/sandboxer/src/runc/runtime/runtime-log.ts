import { readFileSync } from "node:fs";

import { hasCode, Code, StatusError } from "@crib/errdefs";

/** Of a longer log only the end matters, and a runtime must not fill our memory. */
const limitCharacters = 64 * 1024;

/** The last error that a runtime wrote to its log (JSON lines, `--log-format json`); undefined when there is none. */
export function lastRuntimeError(file: string): string | undefined {
  let last: string | undefined;
  for (const line of readLog(file).slice(-limitCharacters).split("\n")) last = errorIn(line) ?? last;
  return last;
}

function readLog(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const known = StatusError.from(error, `reading log "${file}"`);
    // A runtime that fails before it has read its arguments writes none.
    if (hasCode(known, Code.NotFound)) return "";
    throw known;
  }
}

function errorIn(line: string): string | undefined {
  try {
    const { level, msg } = JSON.parse(line) as { readonly level?: unknown; readonly msg?: unknown };
    return typeof msg === "string" && msg !== "" && (level === "error" || level === "fatal") ? msg.trim() : undefined;
  } catch {
    return undefined; // no line of the log, or cut off
  }
}

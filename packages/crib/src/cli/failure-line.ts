import { escapeControls } from "./print-json.ts";

/** The one line that tells of a failed command: `crib: doing what: why`. */
export function failureLine(reason: unknown): string {
  return `crib: ${escapeControls(messageOf(reason).replaceAll(/\s*\n\s*/g, "; "))}`;
}

/** The failure itself comes before what went wrong while clearing up after it. */
function messageOf(reason: unknown): string {
  if (reason instanceof SuppressedError) {
    return `${messageOf(reason.suppressed)}; and while clearing up: ${messageOf(reason.error)}`;
  }
  return reason instanceof Error ? reason.message : String(reason);
}

/** The one line that tells of a failed command: `crib: doing what: why`. */
export function failureLine(reason: unknown): string {
  const message = reason instanceof Error ? reason.message : String(reason);
  return `crib: ${message.replaceAll(/\s*\n\s*/g, "; ")}`;
}

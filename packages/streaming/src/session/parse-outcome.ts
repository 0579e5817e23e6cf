import type { Outcome } from "./status.ts";

/** Reads what a server of protocol v4 sent on the error channel. Anything but a Kubernetes `Status` is a failure with that text. */
export function parseOutcome(text: string): Outcome {
  const status = parseObject(text);
  if (status === undefined)
    return { kind: "failed", message: text === "" ? "the server ended the session without a status" : text };
  if (status["status"] === "Success") return { kind: "exited", exitCode: 0 };
  const exitCode = status["reason"] === "NonZeroExitCode" ? findExitCode(status["details"]) : undefined;
  if (exitCode !== undefined) return { kind: "exited", exitCode };
  return { kind: "failed", message: typeof status["message"] === "string" ? status["message"] : text };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // text, as servers before v4 send it
  }
}

function findExitCode(details: unknown): number | undefined {
  const causes = (details as { causes?: unknown } | undefined)?.causes;
  if (!Array.isArray(causes)) return undefined;
  const cause = (causes as readonly { reason?: unknown; message?: unknown }[]).find(
    ({ reason }) => reason === "ExitCode",
  );
  return typeof cause?.message === "string" && /^\d{1,3}$/.test(cause.message) ? Number(cause.message) : undefined;
}

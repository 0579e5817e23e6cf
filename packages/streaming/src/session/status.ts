/** How a session ended, as the client is told: exit code or what went wrong. */
export type Outcome =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "failed"; readonly message: string };

/** How outcomes are written to the error channel: as JSON from protocol v4 on, before as text, where success is silence. */
export type StatusFormat = "json" | "text";

function exitMessage(exitCode: number): string {
  return `command terminated with non-zero exit code: exit status ${exitCode}`;
}

/** The Kubernetes `Status` of an outcome. */
export function toStatus(outcome: Outcome): object {
  if (outcome.kind === "failed") {
    const { message } = outcome;
    return {
      metadata: {},
      status: "Failure",
      message,
      reason: "InternalError",
      details: { causes: [{ message }] },
      code: 500,
    };
  }
  if (outcome.exitCode === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    message: exitMessage(outcome.exitCode),
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(outcome.exitCode) }] },
  };
}

/** What is sent on the error channel; empty for nothing. */
export function formatStatus(outcome: Outcome, format: StatusFormat): Buffer {
  if (format === "json") return Buffer.from(JSON.stringify(toStatus(outcome)));
  if (outcome.kind === "failed") return Buffer.from(outcome.message);
  return Buffer.from(outcome.exitCode === 0 ? "" : exitMessage(outcome.exitCode));
}

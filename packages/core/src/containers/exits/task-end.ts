import type { Timestamp } from "@bufbuild/protobuf/wkt";

import type { ContainerExit } from "../types.ts";

/** How a task ended, as far as anybody knows. */
export type TaskEnd =
  | {
      readonly kind: "exited";
      readonly exitCode: number;
      /** ISO 8601, with nanoseconds where they are known. */
      readonly exitedAt: string;
    }
  /** Whoever ran it has died or does not know it any more. */
  | { readonly kind: "lost"; readonly why: string };

/** Exit code of what SIGKILL ended. */
const killedExitCode = 137;

/** Exit code of what nobody saw end. */
const unknownExitCode = 255;

/** What a shim tells of an exit. */
export function taskEnd(told: { readonly exitStatus: number; readonly exitedAt?: Timestamp | undefined }): TaskEnd {
  return { kind: "exited", exitCode: told.exitStatus, exitedAt: formatTimestamp(told.exitedAt) };
}

/** The end of what the kernel was told to kill, when nobody tells of it. */
export function killedEnd(): TaskEnd {
  return { kind: "exited", exitCode: killedExitCode, exitedAt: new Date().toISOString() };
}

/** What is recorded of an end. `wasAlive`: the process of a lost task still ran, so that it is killed. */
export function exitOf(
  end: TaskEnd,
  known: { readonly oomKilled: boolean; readonly wasAlive: boolean },
): ContainerExit {
  if (end.kind === "lost") {
    const exitedAt = new Date().toISOString();
    if (known.wasAlive) return { exitCode: killedExitCode, exitedAt, reason: "Error", message: `killed: ${end.why}` };
    return { exitCode: unknownExitCode, exitedAt, reason: "Unknown", message: end.why };
  }
  const { exitCode, exitedAt } = end;
  if (exitCode === 0) return { exitCode, exitedAt, reason: "Completed", message: "" };
  return { exitCode, exitedAt, reason: known.oomKilled ? "OOMKilled" : "Error", message: "" };
}

/** The exit of a container that could not be started. */
export function startError(message: string): ContainerExit {
  return { exitCode: 128, exitedAt: new Date().toISOString(), reason: "StartError", message };
}

/** The exit of a container whose end nobody saw. */
export function unknownExit(message: string): ContainerExit {
  return { exitCode: unknownExitCode, exitedAt: new Date().toISOString(), reason: "Unknown", message };
}

/** ISO 8601 with nanoseconds; now, when it is missing or zero. */
function formatTimestamp(timestamp: Timestamp | undefined): string {
  if (timestamp === undefined || timestamp.seconds <= 0n) return new Date().toISOString();
  const seconds = new Date(Number(timestamp.seconds) * 1_000).toISOString().slice(0, -".000Z".length);
  return `${seconds}.${String(timestamp.nanos).padStart(9, "0")}Z`;
}

import { type Any, type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import type { TaskEndpoint } from "@crib/sandboxer";
import type { ControllerStartResponse, ControllerStatusResponse } from "@crib/wire/sandbox";

import { parseTaskAddress } from "./task-address.ts";
import type { SandboxerConfig } from "./types.ts";

/** What Start says, in crib's terms. */
export interface Started {
  /** 0 where there is no process. */
  readonly pid: number;
  readonly createdAt: Date;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent where it named none. */
  readonly endpoint?: TaskEndpoint;
  /** The OCI runtime spec as JSON text. */
  readonly spec?: string;
}

/** What Status says, in crib's terms. */
export interface Reported {
  /** Whether it runs; what does not may not have been started yet, or have ended. */
  readonly running: boolean;
  readonly pid: number;
  readonly exitedAt?: Date;
  readonly endpoint?: TaskEndpoint;
  readonly info: Readonly<Record<string, string>>;
}

/** States that programs answer; none at all is what containerd's own shim controller says of a shim that has vanished. */
const states: Readonly<Record<string, boolean>> = {
  ready: true,
  running: true,
  notready: false,
  created: false,
  stopped: false,
  exited: false,
  "": false,
};

/** Checks and translates the answer to Start. Internal, naming field and value, when it makes no sense. */
export function readStart(id: string, answer: ControllerStartResponse, config: SandboxerConfig): Started {
  checkId(id, answer.sandboxId);
  const { address, version, io } = { ...answer, io: config.io };
  return {
    pid: answer.pid,
    createdAt: dateOf(answer.createdAt) ?? new Date(),
    labels: answer.labels,
    ...(address === "" ? {} : { endpoint: parseTaskAddress(address, version, io) }),
    ...specOf(answer.spec),
  };
}

/** Checks and translates the answer to Status. Internal, naming field and value, when it makes no sense. */
export function readStatus(id: string, answer: ControllerStatusResponse, config: SandboxerConfig): Reported {
  checkId(id, answer.sandboxId);
  const { address, version, state } = answer;
  const running =
    states[
      state
        .toLowerCase()
        .replace(/^sandbox_/, "")
        .replaceAll(/[_-]/g, "")
    ];
  if (running === undefined) {
    throw new StatusError(
      Code.Internal,
      `it answered state ${JSON.stringify(state.slice(0, 100))}: expected SANDBOX_READY or SANDBOX_NOTREADY`,
    );
  }
  const exitedAt = dateOf(answer.exitedAt);
  return {
    running,
    pid: answer.pid,
    info: answer.info,
    ...(exitedAt && { exitedAt }),
    ...(address === "" ? {} : { endpoint: parseTaskAddress(address, version, config.io) }),
  };
}

/** A time; undefined for none, for zero as protobuf and as Go have it, and for what is no time. */
export function dateOf(timestamp: Timestamp | undefined): Date | undefined {
  if (timestamp === undefined || timestamp.seconds <= 0n) return undefined;
  const date = timestampDate(timestamp);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function checkId(id: string, answered: string): void {
  if (answered === "" || answered === id) return;
  throw new StatusError(
    Code.Internal,
    `it answered sandbox_id ${JSON.stringify(answered.slice(0, 100))}: expected "${id}"`,
  );
}

/** The OCI runtime spec of an answer as JSON text. Internal when it is something else. */
export function specOf(spec: Any | undefined): { readonly spec?: string } {
  if (spec === undefined || spec.value.length === 0) return {};
  const text = Buffer.from(spec.value).toString("utf8");
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { spec: text };
  } catch {
    // said below
  }
  throw new StatusError(
    Code.Internal,
    `it answered spec ${JSON.stringify(text.slice(0, 100))}: expected a JSON object`,
  );
}

import { createHash } from "node:crypto";

import { Code, StatusError } from "@crib/errdefs";

import { formatSandbox, parseSandbox } from "../sandbox-json.ts";
import type { ExitStatus, Sandbox, SandboxInstance, SandboxTask, SandboxProcess } from "../types.ts";

/** A task of the task table with the further processes that were announced for it. */
export interface TaskEntry extends SandboxTask {
  readonly processes: readonly SandboxProcess[];
}

/**
 * What is remembered of a sandbox. `creating` and `starting` are written before the controller is called: whoever finds them later knows that the
 * call may have left something. `failed` is a start that did.
 */
export interface SandboxRecord {
  readonly phase: "creating" | "created" | "starting" | "started" | "failed" | "stopped";
  /** The boot in which it was written: pids of another one mean nothing. */
  readonly bootId: string;
  readonly sandbox: Sandbox;
  /** Since `started`. */
  readonly instance?: SandboxInstance;
  readonly exit?: ExitStatus;
  readonly tasks: readonly TaskEntry[];
}

const formatVersion = 1;

/** A record as JSON text with a checksum of its content. */
export function formatRecord(record: SandboxRecord): string {
  const content = { version: formatVersion, ...record, sandbox: JSON.parse(formatSandbox(record.sandbox)) as unknown };
  return `${JSON.stringify({ checksum: checksumOf(content), record: content }, undefined, 1)}\n`;
}

/** Reads what `formatRecord` wrote; DataLoss, with the reason, for anything else. */
export function parseRecord(text: string): SandboxRecord {
  const { checksum, record } = parseJson(text) as { readonly checksum?: unknown; readonly record?: StoredRecord };
  if (typeof record !== "object" || record === null) throw unreadable("no record in it");
  if (checksum !== checksumOf(record)) throw unreadable("it was changed since it was written");
  const { version, sandbox, instance, exit, ...rest } = record;
  if (version !== formatVersion) throw unreadable(`its version is ${String(version)}, not ${formatVersion}`);
  return {
    ...rest,
    sandbox: parseSandbox(JSON.stringify(sandbox), "a record"),
    ...(instance === undefined ? {} : { instance: { ...instance, createdAt: new Date(instance.createdAt) } }),
    ...(exit === undefined ? {} : { exit: { ...exit, exitedAt: new Date(exit.exitedAt) } }),
  };
}

/** The record as JSON gives it back. */
interface StoredRecord extends Omit<SandboxRecord, "sandbox" | "instance" | "exit"> {
  readonly version: unknown;
  readonly sandbox: unknown;
  readonly instance?: Omit<SandboxInstance, "createdAt"> & { readonly createdAt: string };
  readonly exit?: { readonly exitCode: number; readonly exitedAt: string };
}

function parseJson(text: string): unknown {
  try {
    return (JSON.parse(text) as unknown) ?? {};
  } catch (cause) {
    throw unreadable("no JSON", cause);
  }
}

function checksumOf(content: unknown): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}

function unreadable(why: string, cause?: unknown): StatusError {
  return new StatusError(Code.DataLoss, `reading the record of a sandbox: ${why}`, { cause });
}

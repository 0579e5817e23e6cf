import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { ProcessIdentity, TaskEndpoint } from "@crib/sandboxer";

import { bundleFiles, readBundleFile, writeBundleFile } from "./bundle.ts";
import { parseStartAnswer } from "./start-answer.ts";
import type { RuntimeOptionValues } from "./types.ts";

/** What a bundle remembers of its shim: enough to end it and remove its traces after any crash. */
export interface ShimRecord {
  readonly runtimeType: string;
  readonly options: RuntimeOptionValues;
  /** Absolute path of the shim. */
  readonly binary: string;
  /** The socket a runc shim will make, known before it is started. */
  readonly socket: string;
  /** The server, once it is known. */
  readonly process?: ProcessIdentity;
  /** Launched only: its pod's controller talks to it, and knows how to end it. */
  readonly isLaunched?: boolean;
  /** How often its `delete` has failed; absent: never. */
  readonly failedDeletes?: number;
}

/** Writes the record: before the shim is started, and again with its process. */
export async function writeShimRecord(stateDir: string, id: string, record: ShimRecord): Promise<void> {
  await writeBundleFile(stateDir, id, bundleFiles.shim, JSON.stringify(record));
}

/** The record of a bundle; undefined when it was never written or cannot be read as one. */
export async function readShimRecord(stateDir: string, id: string): Promise<ShimRecord | undefined> {
  const text = await readBundleFile(stateDir, id, bundleFiles.shim);
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as ShimRecord;
    return typeof value.binary === "string" && typeof value.runtimeType === "string" ? value : undefined;
  } catch {
    return undefined; // half a file of another hand; what it would tell is found out otherwise
  }
}

/** Writes `bootstrap.json`: where the task service answers. */
export async function writeBootstrap(stateDir: string, id: string, endpoint: TaskEndpoint): Promise<void> {
  const { version, address, protocol } = endpoint;
  await writeBundleFile(stateDir, id, bundleFiles.bootstrap, JSON.stringify({ version, address, protocol }));
}

/** As `readBootstrap`; undefined when there is nothing, or nothing that can be used. */
export async function findBootstrap(stateDir: string, id: string): Promise<TaskEndpoint | undefined> {
  try {
    return await readBootstrap(stateDir, id);
  } catch (error) {
    if (hasCode(error, Code.NotFound) || hasCode(error, Code.FailedPrecondition)) return undefined;
    throw error;
  }
}

/** Where the shim of a bundle answers; NotFound when it never said so. */
export async function readBootstrap(stateDir: string, id: string): Promise<TaskEndpoint> {
  const text = await readBundleFile(stateDir, id, bundleFiles.bootstrap);
  if (text === undefined) throw new StatusError(Code.NotFound, `opening the shim of "${id}": it has none`);
  return parseStartAnswer(Buffer.from(text));
}

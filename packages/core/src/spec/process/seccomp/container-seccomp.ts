import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { isAbsolute } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import { parseSeccompProfile, type SeccompProfile } from "@crib/oci-spec";

import type { ProfileRequest } from "../../../containers/types.ts";
import { defaultSeccomp } from "./default-seccomp.ts";

/** Larger files are no profiles, whatever they are. */
const maxProfileBytes = 1024 * 1024;

/** What decides about the profile besides the request. */
export interface SeccompHost {
  readonly privileged: boolean;
  /** Whether the host has seccomp. */
  readonly seccomp: boolean;
  /** Capabilities of the process's bounding set. */
  readonly bounding: readonly string[];
}

/**
 * The seccomp profile of a container; undefined is unconfined, as privileged containers are whatever they ask for; a profile that they
 * name must be there all the same. InvalidArgument for a `localhost` profile that is missing,
 * no regular file, too large or not well formed, FailedPrecondition for one on a host without seccomp; never unconfined instead.
 */
export async function containerSeccomp(
  wanted: ProfileRequest | undefined,
  host: SeccompHost,
): Promise<SeccompProfile | undefined> {
  if (wanted?.kind !== "localhost") {
    const isDefault = wanted?.kind === "runtime-default" && host.seccomp && !host.privileged;
    return isDefault ? defaultSeccomp(host.bounding) : undefined;
  }
  const doing = `reading seccomp profile "${wanted.name}"`;
  if (!isAbsolute(wanted.name)) throw new StatusError(Code.InvalidArgument, `${doing}: not an absolute path`);
  if (!host.seccomp) throw new StatusError(Code.FailedPrecondition, `${doing}: the host has no seccomp`);
  const profile = parseSeccompProfile(await readProfile(wanted.name, doing), wanted.name);
  return host.privileged ? undefined : profile;
}

async function readProfile(path: string, doing: string): Promise<string> {
  const refuse = (why: string, cause?: unknown): StatusError =>
    new StatusError(Code.InvalidArgument, `${doing}: ${why}`, { cause });
  try {
    // Non-blocking: opening a FIFO would otherwise hold a thread of the pool until somebody writes.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await file.stat();
    if (!found.isFile()) throw refuse("not a regular file");
    // One byte more than allowed tells a file that is larger, also one that grows meanwhile.
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(found.size, maxProfileBytes) + 1));
    if (bytesRead > maxProfileBytes) throw refuse(`larger than ${maxProfileBytes} bytes`);
    return buffer.toString("utf8", 0, bytesRead);
  } catch (error) {
    throw error instanceof StatusError ? error : refuse((error as Error).message, error);
  }
}

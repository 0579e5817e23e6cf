import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { isAbsolute } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import { parseSeccompProfile, type SeccompProfile } from "@crib/oci-spec";
import type { SandboxSecurity } from "@crib/sandboxer";

/** Larger files are no profiles, whatever they are. */
const maxProfileBytes = 1024 * 1024;

/**
 * The seccomp profile of the pause process. `unconfined` and `runtime-default` give none: the built-in pause has no
 * capability, cannot gain any, and reads no input. A `localhost` profile is read from its file; one that is missing, no
 * regular file or not well formed is refused, never replaced by none.
 */
export async function pauseSeccomp(seccomp: SandboxSecurity["seccomp"]): Promise<SeccompProfile | undefined> {
  if (seccomp.kind !== "localhost") return undefined;
  const doing = `reading seccomp profile "${seccomp.path}"`;
  if (!isAbsolute(seccomp.path)) throw new StatusError(Code.InvalidArgument, `${doing}: not an absolute path`);
  return parseSeccompProfile(await readProfile(seccomp.path, doing), seccomp.path);
}

async function readProfile(path: string, doing: string): Promise<string> {
  try {
    // Non-blocking: opening a FIFO would otherwise hold a thread of the pool until somebody writes.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { size } = await file.stat();
    const isRegular = (await file.stat()).isFile();
    if (!isRegular) throw new StatusError(Code.InvalidArgument, `${doing}: not a regular file`);
    if (size > maxProfileBytes)
      throw new StatusError(Code.InvalidArgument, `${doing}: larger than ${maxProfileBytes} bytes`);
    return await file.readFile("utf8");
  } catch (error) {
    throw error instanceof StatusError ? error : StatusError.from(error, doing);
  }
}

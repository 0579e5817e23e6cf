import { chmod, mkdir, realpath } from "node:fs/promises";
import { dirname, isAbsolute } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";

/**
 * The host path that is to be mounted, without symbolic links. Where nothing is there it becomes an empty directory, as
 * containerd and Docker have it, with mode 0755 and so its missing parents. InvalidArgument for a path that is not absolute.
 */
export async function resolveHostPath(path: string, doing: string): Promise<string> {
  const what = `${doing}: host path "${path}"`;
  if (!isAbsolute(path) || path.includes("\0")) {
    throw new StatusError(Code.InvalidArgument, `${what}: not an absolute path`);
  }
  try {
    return await realpath(path).catch(async (reason: unknown) => {
      if (!hasCode(StatusError.from(reason), Code.NotFound)) throw reason;
      await makeDirectory(path);
      return await realpath(path);
    });
  } catch (reason) {
    throw StatusError.from(reason, what);
  }
}

/** The daemon's umask would close the directories to whom they are for. */
async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o755 });
  if (first === undefined) return;
  for (let made = path.replace(/\/+$/, ""); made.length >= first.length; made = dirname(made)) await chmod(made, 0o755);
}

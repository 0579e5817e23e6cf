import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import { checkPluginType } from "../config/network-list.ts";

const othersMayWrite = 0o002;
const sticky = 0o1000;

/**
 * The path of a plugin's binary in the first directory that has it. `InvalidArgument` for a type that is no plain file
 * name, `FailedPrecondition` naming the directories, `PermissionDenied` when everybody may replace the binary.
 */
export async function findPlugin(type: string, dirs: readonly string[]): Promise<string> {
  const doing = `finding CNI plugin ${JSON.stringify(type)}`;
  checkPluginType(type, doing);
  for (const dir of dirs) {
    const path = join(dir, type);
    const file = await statOrMissing(path, doing);
    if (file === undefined || !file.isFile()) continue;
    const folder = await stat(dir);
    // Plugins run as the caller, root as a rule: what everybody may write must not be run.
    if ((file.mode & othersMayWrite) !== 0 || (folder.mode & (othersMayWrite | sticky)) === othersMayWrite)
      throw new StatusError(
        Code.PermissionDenied,
        `${doing}: everybody may write ${JSON.stringify(path)} or its directory`,
      );
    return path;
  }
  const searched = dirs.map((dir) => JSON.stringify(dir)).join(", ");
  // Not NotFound, which a caller of DEL could take for "nothing to undo".
  throw new StatusError(
    Code.FailedPrecondition,
    `${doing}: no such file in ${searched === "" ? "(no plugin directories)" : searched}`,
  );
}

async function statOrMissing(path: string, doing: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (reason) {
    const error = StatusError.from(reason, doing);
    if (hasCode(error, Code.NotFound) || (reason as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw error;
  }
}

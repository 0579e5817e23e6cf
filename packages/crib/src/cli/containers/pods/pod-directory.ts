import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import type { CriClient } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";

import { parseInfo } from "../../parse-info.ts";

const run = promisify(execFile);

/** The daemon's root where the runtime does not tell it. */
const defaultRoot = "/var/lib/crib";

/**
 * Where the command line keeps what belongs to a pod that it made: logs and volumes, which without a kubelet nobody else
 * keeps. Below the daemon's root, so that two daemons do not meet; `uid` is one that crib made, else InvalidArgument.
 */
export async function podDirectory({ runtime }: CriClient, uid: string): Promise<string> {
  // The directory is removed with all that is in it: nothing but a name of ours may end it.
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uid)) {
    throw new StatusError(Code.InvalidArgument, `finding the directory of a pod: "${uid}" is no uid of ours`);
  }
  const { info } = await runtime.status({ verbose: true });
  const { config } = parseInfo(info);
  const root = (config as { readonly root?: unknown } | undefined)?.root;
  return join(typeof root === "string" && root.startsWith("/") ? root : defaultRoot, "cli", "pods", uid);
}

/** Where the logs of a pod's containers are. */
export function logDirectory(podDir: string): string {
  return join(podDir, "logs");
}

/** Where a pod's own volume is. */
export function volumeDirectory(podDir: string, name: string): string {
  return join(podDir, "volumes", name);
}

/** Removes the directory of a pod that is gone. Idempotent. */
export async function removePodDirectory(podDir: string): Promise<void> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8");
  for (const line of mounts.split("\n")) {
    const path = line.split(" ")[4] ?? "";
    // Volumes in memory; their names have nothing that mountinfo would write otherwise.
    if (path.startsWith(`${podDir}/volumes/`)) await run("umount", [path]);
  }
  // The containers are gone, and symbolic links that they left are not followed.
  await rm(podDir, { recursive: true, force: true });
}

import { statfs } from "node:fs/promises";
import { dirname } from "node:path";

import type { DaemonConfig } from "../../../daemon/config/types.ts";
import { type Check, type CheckResult, fail, ok, warn } from "../types.ts";

const tmpfsMagic = 0x0102_1994;
const gibibyte = 1024 ** 3;
/** Bytes free below which images will not fit, and records soon not either. */
const enoughBytes = 2 * gibibyte;
const tooFewBytes = 64 * 1024 * 1024;

/** Room on the file systems of the root and state directories. */
export const directories: Check = {
  name: "directories",
  run: async (config) => [
    await judgeRoom("root", config.root),
    await judgeRoom("state", config.state),
    await judgeState(config),
  ],
};

async function judgeRoom(name: string, path: string): Promise<CheckResult> {
  const { freeBytes, ffree, files, existing } = await fileSystemOf(path);
  const shown = `${name} ${path}: ${(freeBytes / gibibyte).toFixed(1)} GiB free`;
  const advice = `free some of the file system of ${existing}, or move it by --${name}`;
  if (freeBytes < tooFewBytes || (files > 0 && ffree < 1000)) return fail(`${shown}, ${ffree} inodes`, advice);
  return name === "root" && freeBytes < enoughBytes ? warn(shown, advice) : ok(shown);
}

async function judgeState({ state }: DaemonConfig): Promise<CheckResult> {
  const { type } = await fileSystemOf(state);
  if (type === tmpfsMagic) return ok(`state ${state} is on a tmpfs`);
  return warn(`state ${state} is not on a tmpfs: files of dead pods survive a reboot`, "mount a tmpfs there");
}

interface FileSystem {
  readonly freeBytes: number;
  readonly ffree: number;
  readonly files: number;
  readonly type: number;
  /** The nearest directory that exists. */
  readonly existing: string;
}

async function fileSystemOf(path: string): Promise<FileSystem> {
  for (let existing = path; ; existing = dirname(existing)) {
    try {
      const { bavail, bsize, ffree, files, type } = await statfs(existing);
      return { freeBytes: bavail * bsize, ffree, files, type, existing };
    } catch (reason) {
      // The daemon makes its directories; until then the file system of the nearest parent counts.
      if ((reason as NodeJS.ErrnoException).code !== "ENOENT" || existing === "/") throw reason;
    }
  }
}

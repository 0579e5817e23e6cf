import type { DaemonConfig } from "../../../daemon/config/types.ts";
import { fileSystemOf } from "../file-system-of.ts";
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

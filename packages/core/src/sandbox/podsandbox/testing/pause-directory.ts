import type { PauseRoots } from "../types.ts";
import { pausePath, PauseRootfs } from "./pause-rootfs.ts";

/** Pause roots without an image store: one directory below `rootDir`, shared by all pods, that is never given back. */
export function pauseDirectory(rootDir: string, [program, ...args]: readonly [string, ...string[]]): PauseRoots {
  const rootfs = new PauseRootfs(rootDir, program);
  return {
    async prepare() {
      const source = await rootfs.ensure();
      const mounts = [{ type: "bind", source, options: ["rbind", "ro"] }];
      return { mounts, args: [pausePath, ...args], env: ["PATH=/"], cwd: "/" };
    },
    async release() {},
  };
}

import { chmodSync, copyFileSync } from "node:fs";
import { join } from "node:path";

import { writeImage } from "./write-image.ts";

/** It waits for a signal and ends at once, as PID 1 too. */
const catatonit = "/usr/bin/catatonit";

/** Writes an image with nothing but catatonit as its pause program, in Docker's archive form. */
export async function writePauseImage(archive: string, reference: string): Promise<void> {
  await writeImage(archive, reference, { config: { Entrypoint: ["/pause", "-P"] }, fill: addPause });
}

/** Puts the pause program into a root file system. */
export function addPause(rootfs: string): void {
  copyFileSync(catatonit, join(rootfs, "pause"));
  chmodSync(join(rootfs, "pause"), 0o755);
}

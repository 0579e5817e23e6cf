import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";

const directories = ["", "dev", "proc", "sys", "etc"];
const files = ["etc/resolv.conf"];

/**
 * Makes a directory with all that something is mounted on in a pause. It lies below the layers of a pause image, which may hold a
 * program and nothing else; the root is read-only when the runtime looks for mount points. Idempotent.
 */
export async function makeMountPoints(dir: string): Promise<void> {
  try {
    for (const name of directories) {
      const path = join(dir, name);
      await mkdir(path, { recursive: true });
      // The umask must not decide: a pause may run as anybody.
      await chmod(path, 0o755);
    }
    for (const name of files) {
      await writeFile(join(dir, name), "", { flag: "a" });
      await chmod(join(dir, name), 0o644);
    }
  } catch (reason) {
    throw StatusError.from(reason, `making the mount points of pauses in "${dir}"`);
  }
}

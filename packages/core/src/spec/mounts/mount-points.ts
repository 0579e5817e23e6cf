import { lstat } from "node:fs/promises";
import { join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";

/** Where runtimes make files before the container's root is theirs; some of them (runc 1.1) follow links there, onto the host. */
const names = ["dev", "proc", "sys"];

/**
 * InvalidArgument when the root of an image has something else than a directory where file systems of the kernel are to be mounted: no
 * real image has, and a hostile one can have the runtime write on the host.
 */
export async function checkMountPoints(rootfs: string): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      const isDirectory = await lstat(join(rootfs, name)).then(
        (status) => status.isDirectory(),
        (reason: unknown) => {
          const error = StatusError.from(reason, `looking at "/${name}" of the image`);
          // The runtime makes it.
          if (hasCode(error, Code.NotFound)) return true;
          throw error;
        },
      );
      if (isDirectory) return;
      throw new StatusError(Code.InvalidArgument, `mounting at "/${name}": the image has no directory there`);
    }),
  );
}

import koffi from "koffi";

import { errnoError } from "../libc/errno-error.ts";
import { openDirectory } from "./open-directory.ts";
import { close } from "./tree-calls.ts";

const syncfs = koffi.load(null).func("syncfs", "int", ["int"]);

/**
 * Writes all that is cached for the file system of a directory (a trusted path) to its disk, on a thread of libuv's pool. Settles when
 * it is there; that takes as long as the disk does. NotFound; what the disk says, EIO for one.
 */
export async function syncFileSystem(path: string): Promise<void> {
  const doing = `syncing the file system of "${path}"`;
  const fd = openDirectory(path, doing);
  try {
    const result = await new Promise<number>((resolve, reject) => {
      syncfs.async(fd, (error: Error | null, value: number) => (error === null ? resolve(value) : reject(error)));
    });
    if (result < 0) throw errnoError(-koffi.errno(), doing);
  } finally {
    close(fd);
  }
}

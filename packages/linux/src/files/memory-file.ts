import { closeSync, writeSync } from "node:fs";
import { constants } from "node:os";

import { attempt, check } from "../libc/errno-error.ts";
import { memfdCreate } from "../libc/libc.ts";

const MFD_CLOEXEC = 0x1;
const MFD_NOEXEC_SEAL = 0x8;

/**
 * Opens a file without a name, in memory, that holds `content` with its offset at 0: input for a program, of any length and with
 * nobody needed to feed it. The descriptor is close-on-exec and the caller's to close.
 */
export function openMemoryFile(content: Uint8Array): number {
  const doing = "making a file in memory";
  let fd = memfdCreate("crib", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  // Before Linux 6.3 the flag is unknown; since then vm.memfd_noexec may demand it.
  if (fd === -constants.errno.EINVAL) fd = memfdCreate("crib", MFD_CLOEXEC);
  check(fd, doing);
  try {
    // Positional writes leave the offset, which a child shares, where it is.
    for (let at = 0; at < content.length;)
      at += attempt(doing, () => writeSync(fd, content, at, content.length - at, at));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

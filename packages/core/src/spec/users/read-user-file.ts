import { closeSync, constants, fstatSync } from "node:fs";
import { open } from "node:fs/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { openInRoot } from "@crib/linux";

/** `O_PATH`, which `fs.constants` lacks. */
const O_PATH = 0o10_000_000;

/** Larger ones are no user databases of an image but an attack on the memory of whoever reads them (CVE-2026-47262). */
const maxBytes = 1024 * 1024;

/**
 * The text of a file of a container's root file system, seen as the container sees it; empty when there is none. InvalidArgument
 * for what is no regular file (nothing else is ever opened: a FIFO would wait, a device may act) and for more than 1 MiB.
 */
export async function readUserFile(rootfs: string, path: string): Promise<string> {
  const doing = `reading "${path}" of the image`;
  const refuse = (why: string, cause?: unknown): StatusError =>
    new StatusError(Code.InvalidArgument, `${doing}: ${why}`, { cause });
  let found: number;
  try {
    found = openInRoot(rootfs, path, O_PATH);
  } catch (error) {
    if (hasCode(error, Code.NotFound)) return "";
    throw refuse((error as Error).message, error);
  }
  try {
    if (!fstatSync(found).isFile()) throw refuse("not a regular file");
    await using file = await open(`/proc/self/fd/${found}`, constants.O_RDONLY | constants.O_NONBLOCK);
    const { size } = await file.stat();
    if (size > maxBytes) throw refuse(`larger than ${maxBytes} bytes`);
    if (size === 0) return "";
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } catch (error) {
    throw error instanceof StatusError ? error : StatusError.from(error, doing);
  } finally {
    closeSync(found);
  }
}

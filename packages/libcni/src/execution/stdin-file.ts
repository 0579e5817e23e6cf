import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

// open(2): an unnamed file, gone with its last descriptor even if this process is killed. Not among Node's constants.
const unnamed = 0o20000000 | constants.O_DIRECTORY | constants.O_RDWR;

/**
 * A file that holds `text` with its offset at 0, to be a child's stdin. A file since a "pipe" of Node is a socket,
 * and scripts that read /dev/stdin cannot open a socket (ENXIO). It has no name, so nothing has to be removed.
 */
export async function openStdinFile(dir: string, text: string): Promise<FileHandle> {
  const file = await openUnnamed(dir);
  try {
    const bytes = Buffer.from(text);
    // Positional writes leave the offset, which the child shares, where it is.
    for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at, at)).bytesWritten;
    return file;
  } catch (reason) {
    await file.close();
    throw reason;
  }
}

async function openUnnamed(dir: string): Promise<FileHandle> {
  try {
    return await open(dir, unnamed, 0o600);
  } catch (reason) {
    const { code } = reason as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      return open(dir, unnamed, 0o600);
    }
    // File systems without O_TMPFILE.
    if (code !== "EOPNOTSUPP" && code !== "EISDIR" && code !== "EINVAL") throw reason;
  }
  const path = join(dir, `.stdin-${randomBytes(8).toString("hex")}`);
  const file = await open(path, "wx+", 0o600);
  await rm(path, { force: true });
  return file;
}

import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * The files into which a log was rotated before, the oldest first: those beside it whose names continue its own by a time, as the
 * kubelet names them, compressed by gzip (`.gz`) or not. None where the directory is gone.
 */
export async function rotatedFiles(path: string): Promise<readonly string[]> {
  const dir = dirname(path);
  const stem = `${basename(path)}.`;
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw reason;
  }
  return names
    .filter((name) => name.startsWith(stem) && /^\d{8}-\d{6}(\.gz)?$/.test(name.slice(stem.length)))
    .sort()
    .map((name) => join(dir, name));
}

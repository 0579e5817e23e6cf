import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

/** Writes a file that is there whole or not at all: under another name beside it, synced, then renamed. */
export async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const draft = `${path}.${randomBytes(4).toString("hex")}.partial`;
  // Opened before anything is asked for, so that a directory that cannot be written is told at once.
  const file = await open(draft, "wx").catch((reason: unknown) => {
    throw StatusError.from(reason, `writing "${path}"`);
  });
  try {
    try {
      for await (const chunk of chunks) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (reason) {
    await rm(draft, { force: true });
    const isOurs =
      (reason as NodeJS.ErrnoException).path !== undefined || (reason as NodeJS.ErrnoException).syscall !== undefined;
    throw isOurs ? StatusError.from(reason, `writing "${path}"`) : reason;
  }
}

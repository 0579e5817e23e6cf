import { readFile, stat } from "node:fs/promises";

import { Code, StatusError } from "@crib/errdefs";

const limitBytes = 1 << 20;

/** Reads configuration files and tells later whether any of them has changed since. */
export class WatchedFiles {
  readonly #signatures = new Map<string, string>();

  /** The text of a file, undefined where there is none. FailedPrecondition naming it and `what` it was to be. */
  async read(path: string, what: string): Promise<string | undefined> {
    const doing = `reading ${what} "${path}"`;
    this.#signatures.set(path, await signatureOf(path));
    try {
      const { size } = await stat(path);
      if (size > limitBytes)
        throw new StatusError(Code.FailedPrecondition, `it has ${size} bytes, expected at most ${limitBytes}`);
      return await readFile(path, "utf8");
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new StatusError(Code.FailedPrecondition, `${doing}: ${(reason as Error).message}`, { cause: reason });
    }
  }

  /** Counts a directory's list of names among what is watched. */
  async watchDirectory(path: string): Promise<void> {
    this.#signatures.set(path, await signatureOf(path));
  }

  /** Whether everything that was read is as it was, missing files included. */
  async areUnchanged(): Promise<boolean> {
    for (const [path, before] of this.#signatures) {
      if ((await signatureOf(path)) !== before) return false;
    }
    return true;
  }
}

async function signatureOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch (reason) {
    return (reason as NodeJS.ErrnoException).code ?? "unknown";
  }
}

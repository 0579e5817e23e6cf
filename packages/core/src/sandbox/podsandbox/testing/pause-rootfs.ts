import { createHash, randomUUID } from "node:crypto";
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";

/** Where the pause program is in its root file system. */
export const pausePath = "/pause";

/** Mount points of the pause container: the file system is read-only when runc looks for them. */
const directories = ["dev", "proc", "sys", "etc"];

/**
 * Gives the directory `ROOT/pause/SHA256`, the read-only root file system that all pause processes share, and builds it
 * when it is missing or not what it should be. It is named by its program, so an upgrade of that leaves running pods
 * alone, and appears by rename, so a crash or a second caller leaves no half of it. Contents are compared once; later
 * calls only look whether the two files are still the same ones.
 */
export class PauseRootfs {
  readonly #rootDir: string;
  readonly #program: string;
  #known: { readonly path: string; readonly key: string } | undefined;

  /** `program` is an absolute path; nothing is read or made before `ensure`. */
  constructor(rootDir: string, program: string) {
    this.#rootDir = rootDir;
    this.#program = program;
  }

  /** NotFound, naming it, when the program is missing. */
  async ensure(): Promise<string> {
    try {
      if (this.#known !== undefined && (await this.#keyOf(this.#known.path)) === this.#known.key)
        return this.#known.path;
      const path = await this.#compare();
      const key = await this.#keyOf(path);
      this.#known = key === undefined ? undefined : { path, key };
      return path;
    } catch (error) {
      throw StatusError.from(error, `preparing the root file system of the pause program "${this.#program}"`);
    }
  }

  async #compare(): Promise<string> {
    const content = await readFile(this.#program);
    const digest = sha256(content);
    const parent = join(this.#rootDir, "pause");
    const path = join(parent, digest);
    if (await isIntact(path, digest)) return path;
    await mkdir(parent, { recursive: true });
    await chmod(parent, 0o711);
    const fresh = join(parent, `.new-${randomUUID()}`);
    await build(fresh, content);
    await putInPlace(fresh, path, digest);
    return path;
  }

  /** What changes when either file is replaced or written; undefined when one is missing. */
  async #keyOf(path: string): Promise<string | undefined> {
    try {
      const files = await Promise.all(
        [this.#program, join(path, pausePath)].map((file) => stat(file, { bigint: true })),
      );
      return files.map(({ ino, size, mtimeNs, ctimeNs }) => [ino, size, mtimeNs, ctimeNs].join()).join(" ");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }
}

function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

async function isIntact(path: string, digest: string): Promise<boolean> {
  try {
    return sha256(await readFile(join(path, pausePath))) === digest;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function build(path: string, content: Uint8Array): Promise<void> {
  await mkdir(path);
  // Modes by chmod: the daemon's umask takes bits away that the pod's user needs.
  await chmod(path, 0o755);
  for (const name of directories) {
    await mkdir(join(path, name));
    await chmod(join(path, name), 0o755);
  }
  await writeFile(join(path, "etc/resolv.conf"), "");
  await writeFile(join(path, pausePath), content);
  await chmod(join(path, pausePath), 0o755);
}

async function putInPlace(fresh: string, path: string, digest: string): Promise<void> {
  try {
    await rename(fresh, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    if (await isIntact(path, digest)) {
      await rm(fresh, { recursive: true }); // somebody else was faster
      return;
    }
    // Damaged: running pods keep the old directory through their mounts until they end.
    const damaged = `${fresh}.damaged`;
    await rename(path, damaged);
    await rename(fresh, path);
    await rm(damaged, { recursive: true });
  }
}

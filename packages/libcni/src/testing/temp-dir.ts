import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of its own for one test; disposing removes it and all in it. */
export interface TempDir extends AsyncDisposable {
  readonly path: string;
}

export async function openTempDir(): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), "libcni-test-"));
  // The path is one that mkdtemp just made, so nothing of others can be below it.
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

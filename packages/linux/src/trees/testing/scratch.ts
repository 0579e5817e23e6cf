import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why a test that makes mounts or devices cannot run; false when it can. */
export const needsRoot: { readonly skip: string | false } = { skip: process.getuid?.() === 0 ? false : "needs root" };

/** In memory: ext4 takes long to make thousands of files where as many have just been removed. */
const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** A directory that is gone after the test. */
export function scratch(t: { after(task: () => void): void }): string {
  const directory = mkdtempSync(join(parent, "crib-trees-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Runs what gives control back now and then, to its end. */
export function finish<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** A chain of directories whose path is far longer than PATH_MAX. */
export function makeDeep(directory: string, levels: number): void {
  const script = `import os\nos.chdir(${JSON.stringify(directory)})\nfor i in range(${levels}):\n os.mkdir("deep")\n os.chdir("deep")\n open("f","w")`;
  execFileSync("python3", ["-c", script]);
}

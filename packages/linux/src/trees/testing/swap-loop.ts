import { spawn } from "node:child_process";
import { rmSync, symlinkSync } from "node:fs";

// renameat2 with RENAME_EXCHANGE: at no time is there neither of the two.
const script = `
  const [koffi, path, link] = process.argv.slice(1);
  const { default: { load } } = await import(koffi);
  const swap = load(null).func("renameat2", "int", ["int", "str", "int", "str", "uint"]);
  for (let round = 0; ; round += 1) {
    swap(-100, path, -100, link, 2);
    if (round === 10) process.send("swapping");
  }
`;

export interface SwapLoop extends AsyncDisposable {
  /** Has a link to swap again, after one of the two was removed. */
  reset(): void;
}

/**
 * A process that puts a link to `target` in the place of a directory, and back, again and again, until it is disposed of. The link
 * waits beside the parent of the directory.
 */
export async function swapLoop(path: string, target: string): Promise<SwapLoop> {
  const link = `${target}.link`;
  const reset = (): void => {
    rmSync(link, { recursive: true, force: true });
    symlinkSync(target, link);
  };
  reset();
  const args = ["--input-type=module", "-e", script, import.meta.resolve("koffi"), path, link];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("error", reject);
    child.once("exit", reject);
  });
  return {
    reset,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
      rmSync(link, { recursive: true, force: true });
    },
  };
}

import { type ChildProcess, spawn } from "node:child_process";

const script = `
  const fs = require("node:fs");
  const [path, target] = process.argv.slice(1);
  for (let round = 0; ; round += 1) {
    try { fs.renameSync(path, path + ".aside"); } catch {}
    try { fs.symlinkSync(target, path); } catch {}
    if (round === 10) process.send?.("swapping");
    try { fs.unlinkSync(path); } catch {}
    try { fs.renameSync(path + ".aside", path); } catch {}
  }
`;

/** A process that puts a link to `target` in the place of a directory, and back, again and again, until it is disposed of. */
export async function swapLoop(path: string, target: string): Promise<AsyncDisposable> {
  const child: ChildProcess = spawn(process.execPath, ["-e", script, path, target], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("error", reject);
  });
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

import type { SpawnChild, SpawnedChild } from "./spawn-child.ts";

/** The `SpawnChild` of `node:child_process`. It forks, which blocks the event loop longer the more memory this process has. */
export const forkChild: SpawnChild = async ({ path, args, env, cwd, stdinFd }) => {
  const child = spawn(path, args, {
    cwd,
    env: { ...env },
    stdio: [stdinFd, "pipe", "pipe"],
    // A session of its own: one signal reaches all children, and a terminal's signals reach none.
    detached: true,
  });
  const { pid, stdout, stderr } = child;
  // Without a free descriptor there are no streams either.
  if (pid === undefined || stdout === null || stderr === null) throw await startError(child);
  const exit: SpawnedChild["exit"] = new Promise((resolve) => {
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
  });
  return { pid, stdout, stderr, exit };
};

/** Most errors of a start come out only with the next tick. */
async function startError(child: ChildProcess): Promise<unknown> {
  const [reason] = (await once(child, "error")) as [unknown];
  return reason;
}

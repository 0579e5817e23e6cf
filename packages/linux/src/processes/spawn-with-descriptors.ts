import { Code, StatusError } from "@crib/errdefs";

import { posixSpawn } from "../libc/posix-spawn.ts";
import { type ChildExit, reapChild } from "./reaper.ts";
import type { SpawnedProcess, SpawnRequest } from "./spawn-process.ts";

/** A program to start whose standard streams exist already. */
export interface SpawnWithDescriptorsRequest extends Omit<SpawnRequest, "stdinFd"> {
  /** Become its standard streams as they are, and stay the caller's to close. Greater than 2. */
  readonly stdio: readonly [stdinFd: number, stdoutFd: number, stderrFd: number];
}

/** A program with streams of its caller's, leader of a session and process group of its own. */
export type SpawnedWithDescriptors = Pick<SpawnedProcess, "pid" | "exit" | "kill">;

/** Starts a program as `spawnProcess` does, with the same errors, but on descriptors that are given instead of pipes. */
export function spawnWithDescriptors(request: SpawnWithDescriptorsRequest): SpawnedWithDescriptors {
  const { path, args, cwd, stdio } = request;
  const doing = `starting program ${JSON.stringify(path)}`;
  if (!path.startsWith("/")) throw new StatusError(Code.InvalidArgument, `${doing}: the path is not absolute`);
  if (stdio.some((fd) => fd <= 2)) throw new StatusError(Code.InvalidArgument, `${doing}: descriptors must be above 2`);
  const env = Object.entries(request.env).map(([name, value]) => `${name}=${value}`);
  const [stdinFd, stdoutFd, stderrFd] = stdio;
  const pid = posixSpawn({ path, argv: [path, ...args], env, cwd, stdinFd, stdoutFd, stderrFd }, doing);
  let isReaped = false;
  const exit = reapChild(pid).then((how): ChildExit => {
    isReaped = true;
    return how;
  });
  return {
    pid,
    exit,
    kill(signal) {
      if (isReaped) return false;
      // The unreaped leader keeps its number, so the group is still its own.
      process.kill(-pid, signal);
      return true;
    },
  };
}

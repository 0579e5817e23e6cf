import { closeSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import { check } from "../libc/errno-error.ts";
import { pipe2 } from "../libc/libc.ts";
import { posixSpawn } from "../libc/posix-spawn.ts";
import { type ChildExit, expectChildExit, reapChild } from "./reaper.ts";

/** A program to start. */
export interface SpawnRequest {
  /** Absolute; `PATH` is not searched. Also the program's `argv[0]`. */
  readonly path: string;
  /** What follows `argv[0]`. */
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Default: the caller's. */
  readonly cwd?: string | undefined;
  /** Becomes the program's standard input and stays the caller's to close. Default: /dev/null. */
  readonly stdinFd?: number | undefined;
}

/** A program that was started, leader of a session and process group of its own. */
export interface SpawnedProcess {
  readonly pid: number;
  /** Reads a pipe by epoll. To be read to its end or destroyed, else it stays open and a program that writes much hangs. */
  readonly stdout: Readable;
  /** As `stdout`. */
  readonly stderr: Readable;
  /** Settles when the program itself has ended and is reaped, whoever still holds its output. Never rejects. */
  readonly exit: Promise<ChildExit>;
  /** Signals the whole group. False, and nothing done, once the leader is reaped: its number may then be another's. */
  kill(signal: NodeJS.Signals): boolean;
}

const O_CLOEXEC = 0o2000000;

/**
 * Starts a program in about 0.1 ms, however large this process is; `node:child_process` forks, which blocks longer the more memory
 * there is. The program has descriptors 0 to 2 only (with musl also what this process inherited without close-on-exec), no
 * signal blocked or ignored, and is reaped even if `exit` is never looked at. A script needs its `#!` line: no shell steps in.
 *
 * Throws at once: NotFound (the program, its interpreter or `cwd` is missing), PermissionDenied, InvalidArgument (E2BIG; a relative path;
 * a NUL), FailedPrecondition (ENOEXEC), Unavailable (ETXTBSY: being written), ResourceExhausted (no descriptors, no memory), each with
 * the errno as `cause.code`; Unimplemented where libc is older than glibc 2.29 or musl 1.1.24. Then nothing runs.
 */
export function spawnProcess(request: SpawnRequest): SpawnedProcess {
  const { path, args, cwd, stdinFd } = request;
  const doing = `starting program ${JSON.stringify(path)}`;
  if (!path.startsWith("/")) throw new StatusError(Code.InvalidArgument, `${doing}: the path is not absolute`);
  const env = Object.entries(request.env).map(([name, value]) => `${name}=${value}`);
  using theirs = new DisposableStack();
  // All that can fail is done before the start, so that a program that runs is always in its caller's hands.
  using ours = new DisposableStack();
  const [stdout, stdoutFd] = openOutput(theirs, ours, doing);
  const [stderr, stderrFd] = openOutput(theirs, ours, doing);
  const pid = posixSpawn({ path, argv: [path, ...args], env, cwd, stdinFd, stdoutFd, stderrFd }, doing);
  ours.move();
  return handleOf(pid, stdout, stderr);
}

/** A pipe: a stream for us and, for the program, a descriptor that blocks. */
function openOutput(theirs: DisposableStack, ours: DisposableStack, doing: string): readonly [Readable, number] {
  const fds = Buffer.alloc(8);
  check(pipe2(fds, O_CLOEXEC), `${doing}: making a pipe`);
  const [readFd, writeFd] = [fds.readInt32LE(0), fds.readInt32LE(4)];
  theirs.defer(() => closeSync(writeFd));
  // Takes over the descriptor and makes it non-blocking, which the other end does not share.
  const stream = new Socket({ fd: readFd, readable: true, writable: false });
  ours.defer(() => stream.destroy());
  return [stream, writeFd];
}

function handleOf(pid: number, stdout: Readable, stderr: Readable): SpawnedProcess {
  let isReaped = false;
  const exit = reapChild(pid).then((how) => {
    isReaped = true;
    return how;
  });
  let open = 2;
  for (const stream of [stdout, stderr]) {
    stream.once("close", () => {
      open -= 1;
      // Most programs close their output only by ending.
      if (open === 0 && !isReaped) expectChildExit();
    });
  }
  return {
    pid,
    stdout,
    stderr,
    exit,
    kill(signal) {
      if (isReaped) return false;
      // The unreaped leader keeps its number, so the group is still its own.
      process.kill(-pid, signal);
      return true;
    },
  };
}

import { closeSync, fchownSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import { closeHeldReader, openFifoEnds, type TerminalSize } from "@crib/linux";

import { streamTarget } from "./stream-target.ts";
import type { IoRequest, ProcessIo } from "./types.ts";

/** Owner of the streams, so that a process that is not root can open them by name (/dev/stdout). 0 and 0: left as they are. */
export interface IoOwner {
  readonly ioUid: number;
  readonly ioGid: number;
}

/**
 * Streams that the process has without anybody between: it reads and writes the client's FIFOs itself, at no cost. This service holds
 * the other ends, so that a client that goes (a daemon that is restarted) neither ends the input nor kills by SIGPIPE; output waits
 * in the FIFO, as in any pipe, and then blocks its writer. NotFound, FailedPrecondition: what is at a path is no FIFO.
 */
export function openDirectIo(request: IoRequest, owner: IoOwner): ProcessIo {
  using opened = new DisposableStack();
  const program = new DisposableStack();
  opened.use(program);
  const held = new DisposableStack();
  opened.use(held);
  const input = new DisposableStack();
  opened.use(input);
  const nowhere = program.adopt(openSync("/dev/null", "r+"), closeSync);
  const output = (text: string): number => openOutput(text, owner, program, held) ?? nowhere;
  const stdin = openInput(request.stdin, program, input) ?? nowhere;
  const fds = [stdin, output(request.stdout), output(request.stderr)] as const;
  const all = opened.move();
  return {
    fds,
    consoleSocket: undefined,
    started() {
      program.dispose();
      return Promise.resolve();
    },
    closeStdin: () => input.dispose(),
    resize({ columns, rows }: TerminalSize) {
      throw new StatusError(Code.FailedPrecondition, `resizing to ${columns}x${rows}: the process has no terminal`);
    },
    drained: () => Promise.resolve(),
    [Symbol.dispose]: () => all.dispose(),
  };
}

function openInput(text: string, program: DisposableStack, input: DisposableStack): number | undefined {
  const target = streamTarget(text);
  if (target.kind === "none") return undefined;
  if (target.kind === "file") return program.adopt(openSync(target.path, "r"), closeSync);
  const { readFd, writeFd } = openFifoEnds(target.path);
  input.adopt(writeFd, closeSync);
  return program.adopt(readFd, closeSync);
}

function openOutput(text: string, owner: IoOwner, program: DisposableStack, held: DisposableStack): number | undefined {
  const target = streamTarget(text);
  if (target.kind === "none") return undefined;
  if (target.kind === "file") {
    mkdirSync(dirname(target.path), { recursive: true });
    return program.adopt(openSync(target.path, "a", 0o600), closeSync);
  }
  const { readFd, writeFd } = openFifoEnds(target.path);
  held.adopt(readFd, closeHeldReader);
  program.adopt(writeFd, closeSync);
  if (owner.ioUid !== 0 || owner.ioGid !== 0) fchownSync(writeFd, owner.ioUid, owner.ioGid);
  return writeFd;
}

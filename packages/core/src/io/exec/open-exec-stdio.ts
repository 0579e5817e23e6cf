import { Writable } from "node:stream";
import { callbackify } from "node:util";

import { openFifoReader } from "@crib/linux";

import { StdinFifo } from "../attach/stdin-fifo.ts";
import { type FifoChoice, makeFifos, removeFifos } from "../fifos.ts";
import type { ExecStdio } from "../types.ts";

/** Which streams an additional process has. */
export interface ExecStdioRequest {
  /** Absolute directory for the FIFOs, of this process alone; made when missing. */
  readonly dir: string;
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Never with a terminal. */
  readonly stderr: boolean;
  /** Who owns the FIFOs on the host; default: this process's user. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/**
 * Makes the FIFOs of an additional process, and reads and writes them on this thread by epoll. The streams are errored by nothing but a
 * failing FIFO: what is written after the process has closed its input is thrown away. `signal` closes them. Leaves nothing
 * when it fails.
 */
export function openExecStdio(request: ExecStdioRequest, signal: AbortSignal): Promise<ExecStdio> {
  return Promise.try(() => open(request, signal));
}

function open(request: ExecStdioRequest, signal: AbortSignal): ExecStdio {
  signal.throwIfAborted();
  const choice: FifoChoice = request;
  const paths = makeFifos(choice);
  using made = new DisposableStack();
  made.defer(() => removeFifos(choice));
  const read = (path: string): ReturnType<typeof openFifoReader> | undefined => {
    if (path === "") return undefined;
    const socket = made.adopt(openFifoReader(path), (open) => open.destroy());
    // It ends with it; whoever reads may listen too, and nobody has to.
    return socket.on("error", () => undefined);
  };
  const stdout = read(paths.stdout);
  const stderr = read(paths.stderr);
  const stdin = paths.stdin === "" ? undefined : made.adopt(writeStdin(paths.stdin), (stream) => stream.destroy());
  const owned = made.move();
  const close = async (): Promise<void> => {
    signal.removeEventListener("abort", abort);
    await Promise.try(() => owned.dispose());
  };
  const abort = (): void => owned.dispose();
  signal.addEventListener("abort", abort);
  return {
    paths,
    ...(stdin !== undefined && { stdin }),
    ...(stdout !== undefined && { stdout }),
    ...(stderr !== undefined && { stderr }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function writeStdin(path: string): Writable {
  const fifo = new StdinFifo(path);
  return new Writable({
    write: callbackify(async (bytes: Uint8Array, _encoding: string) => await fifo.write(bytes)),
    final: callbackify(async () => void (await fifo.end())),
    destroy: (error, done) => {
      fifo.close();
      done(error);
    },
  });
}

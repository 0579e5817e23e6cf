import type { Socket } from "node:net";

import { Code, StatusError } from "@crib/errdefs";

import { connectUnix } from "./connect-unix.ts";

/** Longest answer to CONNECT that is looked at, in bytes: `OK` and a number. */
const maxAnswerBytes = 256;

/**
 * Connects to a port of a virtual machine by way of its monitor's unix socket: `CONNECT PORT`, answered by a line that begins with OK; what
 * follows the line belongs to the stream. NotFound when the monitor does not listen; Unavailable when the machine does not take
 * the connection; rejects with the class of the signal's reason when it aborts first. Makes one attempt.
 */
export async function connectHvsock(path: string, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = await connectUnix(path, signal);
  const doing = `connecting to port ${port} through "${path}"`;
  const abort = (): void => void socket.destroy(StatusError.from(signal.reason, doing));
  signal.addEventListener("abort", abort);
  try {
    if (signal.aborted) abort();
    socket.write(`CONNECT ${port}\n`);
    const answer = await readLine(socket, doing);
    if (/^OK\b/.test(answer)) return socket;
    throw new StatusError(Code.Unavailable, `${doing}: the answer is ${JSON.stringify(answer)}`);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** The first line, without its end. What was read beyond it is put back. */
async function readLine(socket: Socket, doing: string): Promise<string> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const chunk = await nextChunk(socket, doing);
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf("\n");
    if (end >= 0) {
      const rest = bytes.subarray(end + 1);
      if (rest.length > 0) socket.unshift(rest);
      return bytes.subarray(0, end).toString("latin1").trimEnd();
    }
    if (bytes.length > maxAnswerBytes) return bytes.toString("latin1");
  }
}

/** What can be read now, without the stream beginning to flow: bytes that come before somebody listens would be lost. */
async function nextChunk(socket: Socket, doing: string): Promise<Buffer> {
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) return chunk;
    await readable(socket, doing);
  }
}

function readable(socket: Socket, doing: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = new StatusError(Code.Unavailable, `${doing}: it was closed without an answer`);
    const settle = (error?: Error): void => {
      for (const event of ["readable", "end", "close"]) socket.off(event, handlers[event] as () => void);
      socket.off("error", settle);
      if (error === undefined) resolve();
      else
        reject(error instanceof StatusError ? error : new StatusError(Code.Unavailable, `${doing}: ${error.message}`));
    };
    const handlers: Readonly<Record<string, () => void>> = {
      readable: () => settle(),
      end: () => settle(refused),
      close: () => settle(refused),
    };
    for (const event of ["readable", "end", "close"]) socket.on(event, handlers[event] as () => void);
    socket.on("error", settle);
  });
}

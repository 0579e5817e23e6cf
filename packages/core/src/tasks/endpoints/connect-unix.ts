import { connect, type Socket } from "node:net";

import { Code, StatusError } from "@crib/errdefs";

/**
 * Connects to a unix socket. NotFound when nobody listens there, also when there is no such path; rejects with the class of the signal's
 * reason when it aborts first. Makes one attempt.
 */
export async function connectUnix(path: string, signal: AbortSignal): Promise<Socket> {
  const doing = `connecting to "${path}"`;
  if (signal.aborted) throw StatusError.from(signal.reason, doing);
  const socket = connect({ path });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(StatusError.from(signal.reason, doing));
  signal.addEventListener("abort", abort);
  socket.once("connect", resolve);
  socket.once("error", (error) => reject(connectError(error, doing)));
  try {
    await promise;
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function connectError(error: NodeJS.ErrnoException, doing: string): StatusError {
  if (error.code !== "ENOENT" && error.code !== "ECONNREFUSED") return StatusError.from(error, doing);
  return new StatusError(Code.NotFound, `${doing}: nobody listens`, { cause: error });
}

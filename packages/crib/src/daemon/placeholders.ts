import type { Execs } from "@crib/core/exec";
import { Code, StatusError } from "@crib/errdefs";
import type { StreamingServer } from "@crib/streaming";

/** Additional processes until their service is composed. */
export const noExecs: Execs = {
  execSync: () => missing("exec"),
  exec: () => missing("exec"),
  attach: () => missing("attach"),
  portForward: () => missing("port-forward"),
  checkRunning: () => missing("exec"),
};

/** The streaming server until it is composed. */
export const noStreaming: Pick<StreamingServer, "exec" | "attach" | "portForward"> = {
  exec: () => missing("exec"),
  attach: () => missing("attach"),
  portForward: () => missing("port-forward"),
};

function missing(what: string): never {
  throw new StatusError(Code.Unimplemented, `${what}: this version of crib runs pod sandboxes only`);
}

function notFound(id: string): never {
  throw new StatusError(Code.NotFound, `container "${id}": not found`);
}

/** Ends with the signal, without an item. */
function never(signal: AbortSignal): AsyncIterable<never> {
  const ended = new Promise<{ readonly done: true; readonly value: undefined }>((resolve) => {
    const end = (): void => resolve({ done: true, value: undefined });
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
  return { [Symbol.asyncIterator]: () => ({ next: () => ended }) };
}

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
  throw new StatusError(Code.Unimplemented, `${what}: not composed yet`);
}

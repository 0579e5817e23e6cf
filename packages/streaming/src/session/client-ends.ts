import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";

import type { SessionStreams, StreamingLog } from "../types.ts";
import type { Outcome } from "./status.ts";

/** The client's side of a session, whatever the transport. */
export interface ClientEnds {
  readonly streams: SessionStreams;
  /** Ends the outputs, tells the outcome behind all of them and closes. Settles when the client has it all or has left. */
  finish(outcome: Outcome): Promise<void>;
}

/** Ends an output and waits until the transport has all of it. One that broke is only noted: the client has left then. */
export async function endOutput(output: Writable | undefined, log: StreamingLog): Promise<void> {
  if (output === undefined || output.destroyed || output.writableFinished) return;
  if (!output.writableEnded) output.end();
  try {
    await finished(output, { readable: false });
  } catch (error) {
    log.debug({ error }, "output of a session not delivered");
  }
}

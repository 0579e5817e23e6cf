import { Code, StatusError } from "@crib/errdefs";
import type { ServerUnaryCall } from "@grpc/grpc-js";

/**
 * Milliseconds that a call may have been under way. Its timeout travels as a duration, so a client that gives up at its
 * deadline cancels the call before the server's copy of that deadline has passed.
 */
const travelMs = 250;

/** What all kinds of calls have in common here. */
export interface CancellableCall extends Pick<ServerUnaryCall<Buffer, Buffer>, "cancelled" | "getDeadline"> {
  once(event: "cancelled", listener: () => void): unknown;
}

/** Aborts when the client has gone (Canceled) or the deadline of the call has passed (DeadlineExceeded). */
export function abortWithCall(call: CancellableCall, name: string): AbortController {
  const controller = new AbortController();
  const abort = (): void => {
    const deadline = call.getDeadline();
    const late = (deadline instanceof Date ? deadline.getTime() : deadline) <= Date.now() + travelMs;
    controller.abort(
      late
        ? new StatusError(Code.DeadlineExceeded, `${name}: the deadline of the call has passed`)
        : new StatusError(Code.Canceled, `${name}: the client has gone`),
    );
  };
  if (call.cancelled) abort();
  else call.once("cancelled", abort);
  return controller;
}

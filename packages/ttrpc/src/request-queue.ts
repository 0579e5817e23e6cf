import { Code, StatusError } from "@crib/errdefs";

import { MessageQueue } from "./message-queue.ts";
import type { ServerCallOptions } from "./server-call.ts";
import { maxWaitingMessages, waitingMessageSizes } from "./stream-limits.ts";

/**
 * The requests of one stream on their way to its handler. While the queue is full the connection is not read; a handler that
 * leaves it full for `stallMs` has its stream stopped, so that it does not hold up the other calls any longer.
 */
export function requestQueue(
  options: Pick<ServerCallOptions, "connection" | "maxMessageBytes" | "stallMs">,
  onStalled: (reason: StatusError) => void,
): MessageQueue<unknown> {
  let release: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  return new MessageQueue<unknown>({
    limit: maxWaitingMessages,
    limitBytes: waitingMessageSizes * options.maxMessageBytes,
    onFull: () => {
      release = options.connection.hold();
      const why = `the stream's messages were not read for ${options.stallMs} ms`;
      timer = setTimeout(() => onStalled(new StatusError(Code.ResourceExhausted, why)), options.stallMs);
    },
    onRoom: () => {
      clearTimeout(timer);
      release?.();
    },
    onAbandon: () => {},
  });
}

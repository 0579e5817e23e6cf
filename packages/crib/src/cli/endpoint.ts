import { type CriClient, connectCri } from "@crib/cri-client";
import { Code, hasCode, StatusError } from "@crib/errdefs";

/** How a client command reaches the daemon. */
export interface EndpointOptions {
  /** Path or `unix://` address. */
  readonly socket: string;
  /** Seconds, as typed. */
  readonly timeout: string;
}

/** Runs `work` with a client of the endpoint. A daemon that is away is told in words that help. */
export async function withClient<T>(options: EndpointOptions, work: (client: CriClient) => Promise<T>): Promise<T> {
  const seconds = Number(options.timeout);
  if (!/^\d{1,6}(\.\d+)?$/.test(options.timeout) || seconds === 0) {
    throw new StatusError(Code.InvalidArgument, `reading --timeout "${options.timeout}": expected seconds above zero`);
  }
  await using client = connectCri(options.socket, { timeoutMs: seconds * 1000 });
  try {
    return await work(client);
  } catch (reason) {
    if (!hasCode(reason, Code.Unavailable)) throw reason;
    const { message } = reason as Error;
    // What grpc-js says when it cannot dial is long and about itself. What the daemon says speaks for itself.
    if (!message.startsWith("No connection")) throw reason;
    throw new StatusError(Code.Unavailable, `asking "${options.socket}": nobody answers; is crib serve running?`);
  }
}

import { endOutput } from "../session/client-ends.ts";
import type { SpdyStream } from "../spdy/spdy-stream.ts";
import type { PortForward, StreamingLog } from "../types.ts";
import { forwardConnection } from "./forward-connection.ts";
import { type StreamPair, StreamPairs } from "./stream-pairs.ts";

/** Forwards every pair of streams that a client opens over SPDY. */
export class SpdyPortForward {
  readonly #pairs: StreamPairs;

  constructor(forward: PortForward, creationMs: number, signal: AbortSignal, log: StreamingLog) {
    this.#pairs = new StreamPairs(creationMs, (pair) => void forwardStreams(pair, forward, signal, log));
    signal.addEventListener("abort", () => this.#pairs.close());
  }

  /** Takes a stream of the client's. */
  add(stream: SpdyStream): void {
    this.#pairs.add(stream);
  }
}

async function forwardStreams(
  pair: StreamPair,
  forward: PortForward,
  signal: AbortSignal,
  log: StreamingLog,
): Promise<void> {
  const { data, error, port } = pair;
  const report = async (message: string | undefined): Promise<void> => {
    data.discard();
    if (message !== undefined && error.writable) error.write(message);
    await endOutput(error, log);
  };
  await forwardConnection(
    { port, data, abandoned: () => data.resetByPeer || signal.aborted, report },
    forward,
    signal,
    log,
  );
  data.destroy();
  error.destroy();
}

import { ResetStatus } from "../spdy/frame.ts";
import type { SpdyStream } from "../spdy/spdy-stream.ts";
import { parsePort } from "./port.ts";

/** The two streams of one forwarded connection. */
export interface StreamPair {
  readonly port: number;
  readonly data: SpdyStream;
  /** Carries nothing but the reason of a failure. */
  readonly error: SpdyStream;
}

interface HalfPair {
  data?: SpdyStream;
  error?: SpdyStream;
  readonly timer: NodeJS.Timeout;
}

/** Pairs the streams of a port-forwarding client, which come in any order, many pairs over one connection. */
export class StreamPairs {
  readonly #halves = new Map<string, HalfPair>();
  readonly #creationMs: number;
  readonly #onPair: (pair: StreamPair) => void;

  constructor(creationMs: number, onPair: (pair: StreamPair) => void) {
    this.#creationMs = creationMs;
    this.#onPair = onPair;
  }

  /** Takes a stream with the headers `streamtype` and `port`; refuses others, and a second one of its kind. */
  add(stream: SpdyStream): void {
    const type = stream.headers.get("streamtype");
    const port = parsePort(stream.headers.get("port"));
    if ((type !== "data" && type !== "error") || port === undefined) return stream.refuse(ResetStatus.RefusedStream);
    const id = requestId(stream, type);
    const half = this.#halves.get(id) ?? this.#begin(id);
    if (half[type] !== undefined) return stream.refuse(ResetStatus.RefusedStream);
    half[type] = stream;
    stream.reply();
    if (type === "error") stream.discard();
    if (half.data === undefined || half.error === undefined) return;
    this.#end(id);
    this.#onPair({ port: parsePort(half.data.headers.get("port"))!, data: half.data, error: half.error });
  }

  /** Forgets what has no partner. */
  close(): void {
    for (const id of this.#halves.keys()) this.#end(id);
  }

  #begin(id: string): HalfPair {
    const half: HalfPair = { timer: setTimeout(() => this.#expire(id, half), this.#creationMs).unref() };
    this.#halves.set(id, half);
    return half;
  }

  #expire(id: string, half: HalfPair): void {
    this.#end(id);
    half.data?.destroy();
    half.error?.end(`request ${id}: the other stream of its pair was not opened in time`);
  }

  #end(id: string): void {
    clearTimeout(this.#halves.get(id)?.timer);
    this.#halves.delete(id);
  }
}

/** Old clients name no request; they open the error stream, then, as the next one, its data stream. */
function requestId(stream: SpdyStream, type: "data" | "error"): string {
  return stream.headers.get("requestid") ?? `stream ${type === "error" ? stream.id : stream.id - 2}`;
}

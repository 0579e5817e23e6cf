import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { constants, createDeflate } from "node:zlib";

import { headerDictionary } from "../spdy/header-dictionary.ts";

/** A connection on which bytes can be sent as they are. */
export interface RawClient extends Disposable {
  readonly socket: Socket;
  /** The head of the answer to the request. */
  readonly answer: string;
  /** Settles when the server has closed, with what it sent behind the head. */
  readonly rest: Promise<Buffer>;
}

/** Sends a request for a URL with these headers and waits for the answer's head. */
export async function requestRaw(url: string, headers: readonly string[], method = "GET"): Promise<RawClient> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on("error", () => {}); // resets are what hostile clients get
  socket.write([`${method} ${pathname} HTTP/1.1`, `Host: ${hostname}`, ...headers, "", ""].join("\r\n"));
  const chunks: Buffer[] = [];
  const closed = once(socket, "close");
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    const head = Buffer.concat(chunks).toString("latin1").split("\r\n\r\n", 1)[0]!;
    if (chunks.reduce((sum, { length }) => sum + length, 0) > head.length) resolve(head);
  });
  const answer = await Promise.race([promise, closed.then(() => "")]);
  const rest = closed.then(() => Buffer.concat(chunks).subarray(answer.length + 4));
  return { socket, answer, rest, [Symbol.dispose]: () => void socket.destroy() };
}

/** The headers of a SPDY client. */
export const spdyHeaders: readonly string[] = [
  "Connection: Upgrade",
  "Upgrade: SPDY/3.1",
  "X-Stream-Protocol-Version: v4.channel.k8s.io",
];

/** Compresses header blocks as Go's clients do: one zlib stream with SPDY's dictionary, flushed behind each block. */
export class ZlibHeaders implements Disposable {
  readonly #deflate = createDeflate({ dictionary: headerDictionary, level: constants.Z_BEST_COMPRESSION });
  readonly #chunks: Buffer[] = [];

  constructor() {
    this.#deflate.on("data", (chunk: Buffer) => this.#chunks.push(chunk));
  }

  async compress(block: Buffer): Promise<Buffer> {
    this.#deflate.write(block);
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    return Buffer.concat(this.#chunks.splice(0));
  }

  [Symbol.dispose](): void {
    this.#deflate.destroy();
  }
}

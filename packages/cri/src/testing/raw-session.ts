import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { createConnection } from "node:net";

/** What came of a raw request: the gRPC status, or `closed` when the server answered by ending stream or session. */
export interface RawAnswer {
  readonly status: number | "closed";
  readonly message: string;
}

/** An HTTP/2 session that sends what no gRPC library would. Errors of the session are its end, nothing more. */
export function openRawSession(socketPath: string): ClientHttp2Session & Disposable {
  const session = connect("http://localhost", { createConnection: () => createConnection(socketPath) });
  session.on("error", () => {});
  return Object.assign(session, { [Symbol.dispose]: () => session.destroy() });
}

/** Begins a call; nothing of the answer is read until somebody does. */
export function beginCall(
  session: ClientHttp2Session,
  method: string,
  headers: OutgoingHttpHeaders = {},
): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": `/runtime.v1.RuntimeService/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => {});
  return stream;
}

/** Waits for the end of a call and reads all of it. */
export function readStatus(stream: ClientHttp2Stream): Promise<RawAnswer> {
  const { promise, resolve } = Promise.withResolvers<RawAnswer>();
  const look = (headers: IncomingHttpHeaders): void => {
    if (headers["grpc-status"] === undefined) return;
    resolve({ status: Number(headers["grpc-status"]), message: [headers["grpc-message"] ?? ""].flat().join() });
  };
  stream.on("response", look);
  stream.on("trailers", look);
  stream.on("close", () => resolve({ status: "closed", message: "" }));
  stream.resume();
  return promise;
}

/** A gRPC frame: flag, length, bytes. `length` may lie. */
export function frame(bytes: Buffer, { compressed = false, length = bytes.length } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}

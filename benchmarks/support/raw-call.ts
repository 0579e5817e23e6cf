import { connect } from "node:http2";

import { type DescMessage, create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";

/** Calls whose answers are read and not decoded, so that the time is the server's. */
export interface RawCaller extends AsyncDisposable {
  /** Bytes of the answer. Rejects when the server answers with an error. */
  call<Desc extends DescMessage>(method: string, schema: Desc, request: MessageInitShape<Desc>): Promise<number>;
}

/** More than any answer, so that nobody waits for room. */
const windowBytes = 2 ** 24;

/** Connects to a gRPC server at a unix socket. `method` is as in `/runtime.v1.RuntimeService/Version`. */
export function connectRaw(socket: string): RawCaller {
  const session = connect("http://localhost", { path: socket, settings: { initialWindowSize: windowBytes } });
  session.once("connect", () => {
    if (!session.destroyed) session.setLocalWindowSize(windowBytes);
  });
  return {
    call(method, schema, request): Promise<number> {
      const body = toBinary(schema, create(schema, request));
      const frame = Buffer.alloc(5 + body.length);
      frame.writeUInt32BE(body.length, 1);
      frame.set(body, 5);
      const stream = session.request({
        ":method": "POST",
        ":path": method,
        "content-type": "application/grpc",
        te: "trailers",
      });
      return new Promise((resolve, reject) => {
        let bytes = 0;
        let status = "";
        stream.on("trailers", (headers) => (status = String(headers["grpc-status"])));
        stream.on("data", (chunk: Buffer) => (bytes += chunk.length));
        stream.on("error", reject);
        stream.on("end", () => {
          if (status === "0") resolve(bytes);
          else reject(new Error(`${method}: gRPC status ${status}`));
        });
        stream.end(frame);
      });
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await new Promise<void>((resolve) => session.close(resolve));
    },
  };
}

import { request } from "node:http";

import { SpdyConnection } from "../spdy/spdy-connection.ts";
import type { SpdyStream } from "../spdy/spdy-stream.ts";

/** A client that joined a session over SPDY and opens the streams itself. */
export interface TestSpdyClient extends Disposable {
  /** The protocol that the server chose; undefined when its answer names none. */
  readonly protocol: string | undefined;
  /** Opens a stream of this type, as `X-StreamType` names it. */
  open(type: string): SpdyStream;
  readonly connection: SpdyConnection;
}

/** Upgrades a URL, offering these protocols; none sends no header, as the oldest clients do. Rejects with the status line and headers of a refusal. */
export async function openSpdy(url: string, ...protocols: readonly string[]): Promise<TestSpdyClient> {
  const { promise, resolve, reject } = Promise.withResolvers<TestSpdyClient>();
  const headers = {
    Connection: "Upgrade",
    Upgrade: "SPDY/3.1",
    ...(protocols.length > 0 && { "X-Stream-Protocol-Version": [...protocols] }),
  };
  const upgrade = request(url, { method: "POST", headers, agent: false });
  upgrade.on("upgrade", (response, socket, head) => {
    const connection = new SpdyConnection(socket, { role: "client" });
    connection.start(head);
    const chosen = response.headers["x-stream-protocol-version"];
    resolve({
      connection,
      protocol: chosen === undefined ? undefined : String(chosen),
      open(type) {
        const stream = connection.open(new Map([["streamtype", type]]));
        stream.takeResetAsEnd();
        return stream;
      },
      [Symbol.dispose]: () => connection.destroy(),
    });
  });
  upgrade.on("response", (response) => {
    response.resume();
    reject(new Error(`status ${response.statusCode}: ${JSON.stringify(response.headers)}`));
  });
  upgrade.on("error", reject);
  upgrade.end();
  return promise;
}

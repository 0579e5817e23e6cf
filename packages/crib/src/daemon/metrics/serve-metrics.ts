import { createServer } from "node:http";

import { StatusError } from "@crib/errdefs";

/** Milliseconds that a client has for its request. */
const requestMs = 5_000;

/** An address that metrics are read from. */
export interface MetricsServer extends AsyncDisposable {
  /** As listened; with the port that was free where 0 was asked. */
  readonly url: string;
}

/** Serves `render` under /metrics at `host:port`. Reading only: no other path, no other method. Unavailable when the address is taken. */
export async function serveMetrics(address: string, render: () => string): Promise<MetricsServer> {
  const cut = address.lastIndexOf(":");
  const host = address.slice(0, cut).replace(/^\[|\]$/g, "");
  const server = createServer({ requestTimeout: requestMs, maxHeaderSize: 8_192 }, (request, response) => {
    if (request.url !== "/metrics") response.writeHead(404).end("metrics are under /metrics\n");
    else if (request.method !== "GET") response.writeHead(405, { allow: "GET" }).end();
    else response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(render());
  });
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(StatusError.from(error, `serving metrics at "${address}"`)));
    server.listen(Number(address.slice(cut + 1)), host, resolve);
  });
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}/metrics`,
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

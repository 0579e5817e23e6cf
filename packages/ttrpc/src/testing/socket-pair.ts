import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { openTtrpcClient } from "../client.ts";
import { createTtrpcServer } from "../server.ts";
import type { ClientOptions, ServerOptions, ServiceHandlers, TtrpcClient, TtrpcServer } from "../types.ts";
import { type TestService, testService } from "./test-service.ts";

/** A listening unix socket in a directory of its own, both gone after the test. */
export async function listen(t: TestContext): Promise<{ readonly listener: Server; readonly path: string }> {
  const directory = mkdtempSync(join(tmpdir(), "crib-ttrpc-"));
  const path = join(directory, "socket");
  const listener = createServer();
  t.after(() => {
    listener.close();
    rmSync(directory, { recursive: true });
  });
  await new Promise<void>((resolve) => listener.listen(path, resolve));
  return { listener, path };
}

/** Two ends of a unix socket, for tests that speak raw bytes on one or both sides. */
export async function socketPair(t: TestContext): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const { listener, path } = await listen(t);
  const accepted = new Promise<Socket>((resolve) => listener.once("connection", resolve));
  const near = connect(path);
  const far = await accepted;
  for (const socket of [near, far]) {
    // Tests break connections on purpose.
    socket.on("error", () => {});
    t.after(() => socket.destroy());
  }
  return { near, far };
}

/** A client and a server of the test service, connected by a unix socket. */
export async function clientAndServer(
  t: TestContext,
  handlers: ServiceHandlers<TestService>,
  options: { readonly server?: ServerOptions; readonly client?: ClientOptions } = {},
): Promise<{
  readonly client: TtrpcClient;
  readonly server: TtrpcServer;
  readonly near: Socket;
  readonly far: Socket;
}> {
  const { near, far } = await socketPair(t);
  const server = createTtrpcServer(options.server);
  server.handle(testService, handlers);
  server.serve(far);
  const client = openTtrpcClient(near, options.client);
  t.after(async () => {
    await client.close();
    await server.close();
  });
  return { client, server, near, far };
}

/** Lets everything that is ready happen. */
export function turn(milliseconds = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

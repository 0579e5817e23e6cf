import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import type { DescService } from "@bufbuild/protobuf";
import { Client, credentials, Server } from "@grpc/grpc-js";

import { addGrpcService } from "../server/add-grpc-service.ts";
import type { GrpcHandlers } from "../server/handlers.ts";
import { listenGrpc } from "../server/listen-grpc.ts";

/** A directory that is gone after the test. */
export async function openDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "crib-grpc-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Serves one service until the test ends, and gives a channel to it. */
export async function serveLocally<S extends DescService>(
  t: TestContext,
  service: S,
  handlers: GrpcHandlers<S>,
): Promise<Client> {
  const directory = await openDirectory(t);
  const server = new Server();
  addGrpcService(server, service, handlers);
  const listening = await listenGrpc(server, join(directory, "server.sock"));
  const channel = new Client(listening.address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  t.after(async () => {
    channel.close();
    await listening.close(0);
  });
  return channel;
}

import { addGrpcService, listenGrpc } from "@crib/grpc";
import { Controller } from "@crib/wire/sandbox";
import { logVerbosity, Server, setLogVerbosity } from "@grpc/grpc-js";

import type { RecordStore } from "../records/record-store.ts";
import type { HostedSandboxes } from "../sandboxes/hosted-sandboxes.ts";
import { controllerHandlers } from "./controller-handlers.ts";

/** Bytes of the largest message either way, as containerd and crib have it. */
const maxMessageBytes = 16 * 1024 * 1024;

/** Serves the Controller service on a unix socket, and gives its address. */
export async function serveController(
  path: string,
  sandboxes: HostedSandboxes,
  records: RecordStore,
  closing: AsyncDisposableStack,
): Promise<string> {
  // What grpc-js prints by itself is errors that callers are given anyway.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc.enable_channelz": 0,
  });
  const handlers = controllerHandlers(sandboxes, (id) => records.directory(id));
  addGrpcService(server, Controller, handlers);
  const { address } = closing.use(await listenGrpc(server, path));
  return address;
}

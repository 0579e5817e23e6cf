import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import type { DescService } from "@bufbuild/protobuf";
import { addGrpcService } from "@crib/grpc";
import type { TaskEndpoint } from "@crib/sandboxer";
import { createTtrpcServer } from "@crib/ttrpc";
import { Server, ServerCredentials } from "@grpc/grpc-js";

/** Services of a pod: their handlers use only what both protocols have of a call, its signal. */
export type Service<S extends DescService = DescService> = readonly [service: S, handlers: object];

/** Where services answer, and how they are taken away. */
export interface ServedEndpoint {
  readonly endpoint: Pick<TaskEndpoint, "protocol" | "address">;
  /** Connections that were made. */
  readonly connections: () => number;
  /** Cuts every connection that there is; new ones are taken. */
  readonly cut: () => void;
  /** Cuts all, and takes no more. */
  readonly stop: () => Promise<void>;
}

export type Protocol = TaskEndpoint["protocol"];
export type Transport = "unix" | "hvsock";

/** Every way to a service that needs no virtual machine. */
export const ways: readonly (readonly [Protocol, Transport])[] = [
  ["ttrpc", "unix"],
  ["grpc", "unix"],
  ["ttrpc", "hvsock"],
  ["grpc", "hvsock"],
];

/** Serves services of a pod in this process until the test ends. */
export async function serveTasks(
  t: TestContext,
  [protocol, transport]: readonly [Protocol, Transport],
  services: readonly Service[],
): Promise<ServedEndpoint> {
  const directory = mkdtempSync(join(tmpdir(), "crib-tasks-"));
  const path = join(directory, "task.sock");
  const inject = protocol === "grpc" ? grpcServer(services) : ttrpcServer(services);
  const sockets = new Set<Socket>();
  let count = 0;
  const listener = createServer((socket) => {
    count += 1;
    sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
    if (transport === "hvsock") shakeHands(socket, inject.connection);
    else inject.connection(socket);
  });
  await once(listener.listen(path), "listening");
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  const stop = async (): Promise<void> => {
    cut();
    await closeListener(listener);
    await inject.close();
  };
  t.after(async () => {
    await stop();
    rmSync(directory, { recursive: true });
  });
  const address = transport === "hvsock" ? `hvsock://${path}:1024` : `unix://${path}`;
  return { endpoint: { protocol, address }, connections: () => count, cut, stop };
}

interface Injected {
  readonly connection: (socket: Socket) => void;
  readonly close: () => Promise<void>;
}

function ttrpcServer(services: readonly Service[]): Injected {
  const server = createTtrpcServer();
  for (const [service, handlers] of services) server.handle(service, handlers);
  return { connection: (socket) => server.serve(socket), close: () => server.close() };
}

function grpcServer(services: readonly Service[]): Injected {
  const server = new Server();
  for (const [service, handlers] of services) addGrpcService(server, service, handlers);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    connection: (socket) => injector.injectConnection(socket),
    close: async () => {
      injector.destroy();
      server.forceShutdown();
    },
  };
}

/** The machine's end of the handshake, as its monitor has it. */
function shakeHands(socket: Socket, ready: (socket: Socket) => void): void {
  socket.once("data", (bytes: Buffer) => {
    socket.pause();
    const end = bytes.indexOf("\n");
    if (bytes.subarray(0, end).toString() !== "CONNECT 1024") return socket.destroy();
    if (end + 1 < bytes.length) socket.unshift(bytes.subarray(end + 1));
    socket.write("OK 1073741824\n");
    ready(socket);
    return undefined;
  });
}

async function closeListener(listener: NetServer): Promise<void> {
  if (listener.listening) await new Promise((resolve) => listener.close(resolve));
}

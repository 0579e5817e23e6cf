/**
 * The server of a test shim: one sandbox, whose boundary is a sleeping process. Runs in the bundle, and imports little: each test starts one or
 * more of it.
 */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { createServer, type Socket } from "node:net";
import { resolve } from "node:path";

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import type { GrpcHandlers } from "@crib/grpc";
import type { Sandbox as PodSandbox } from "@crib/sandboxer";
import { createTtrpcServer, type ServiceHandlers } from "@crib/ttrpc";
import { Sandbox } from "@crib/wire/sandbox";

import type { SandboxMethod } from "../client/sandbox-client.ts";
import { Boundary } from "./boundary.ts";
import { faultsAnnotation, type ShimFaults } from "./shim-faults.ts";

const socket = resolve("s");
const sandbox = JSON.parse(readFileSync("sandbox.json", "utf8")) as PodSandbox;
const faults = JSON.parse(sandbox.annotations[faultsAnnotation] ?? "{}") as ShimFaults;
const boundary = new Boundary(sandbox, faults.bare === true);

const never = (): Promise<never> => new Promise(() => undefined);

/** The call as it is good, unless it shall be something else. */
async function behave<T>(method: SandboxMethod, id: string, good: () => T | Promise<T>): Promise<T> {
  if (faults.die?.includes(method)) process.kill(process.pid, "SIGKILL");
  if (faults.hang?.includes(method)) return await never();
  const code = faults.fail?.[method];
  if (code !== undefined) throw new StatusError(code as Code, `${method} fails`);
  if (id !== sandbox.id) throw new StatusError(Code.NotFound, `no sandbox "${id}"`);
  return await good();
}

const pid = (): number => faults.pid ?? boundary.pid;
const jsonSpec = (): { typeUrl: string; value: Uint8Array<ArrayBuffer> } => ({
  typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec",
  value: Uint8Array.from(Buffer.from(JSON.stringify({ linux: { namespaces: boundary.keepNamespaces() } }))),
});

const handlers: ServiceHandlers<typeof Sandbox> = {
  createSandbox: ({ sandboxId }) =>
    behave("createSandbox", sandboxId, () => {
      boundary.create();
      return {};
    }),
  startSandbox: ({ sandboxId }) =>
    behave("startSandbox", sandboxId, async () => {
      await boundary.start();
      if (faults.leaves === true) spawn("sleep", ["infinity"], { stdio: "ignore", detached: true }).unref();
      return {
        pid: pid(),
        createdAt: timestampFromDate(new Date()),
        ...(faults.spec === true ? { spec: jsonSpec() } : {}),
      };
    }),
  platform: ({ sandboxId }) =>
    behave("platform", sandboxId, () => ({ platform: { os: "linux", architecture: "x86_64", variant: "" } })),
  stopSandbox: ({ sandboxId }) =>
    behave("stopSandbox", sandboxId, async () => {
      if (faults.stopLies !== true) await boundary.stop();
      return {};
    }),
  waitSandbox: ({ sandboxId }) =>
    behave("waitSandbox", sandboxId, async () => {
      if (faults.wait === "at-once") return {};
      if (faults.wait === "never") await never();
      const { exitStatus, exitedAt } = await boundary.exit;
      return { exitStatus, exitedAt: timestampFromDate(exitedAt) };
    }),
  sandboxStatus: ({ sandboxId, verbose }) =>
    behave("sandboxStatus", sandboxId, () => {
      const [running, ended] = faults.states ?? ["SANDBOX_READY", "SANDBOX_NOTREADY"];
      const info = verbose ? { shim: "a test" } : {};
      return { sandboxId, pid: pid(), state: boundary.isRunning ? running : ended, info };
    }),
  pingSandbox: ({ sandboxId }) => behave("pingSandbox", sandboxId, () => ({})),
  shutdownSandbox: ({ sandboxId }) =>
    behave("shutdownSandbox", sandboxId, async () => {
      await boundary.stop();
      if (faults.staysAfterShutdown !== true) setTimeout(() => process.exit(0), 10);
      return {};
    }),
  sandboxMetrics: ({ sandboxId }) => behave("sandboxMetrics", sandboxId, () => ({})),
};

async function serveGrpc(): Promise<void> {
  const [{ addGrpcService, listenGrpc }, { Server }] = await Promise.all([
    import("@crib/grpc"),
    import("@grpc/grpc-js"),
  ]);
  const server = new Server();
  // The methods take the same two arguments, and use nothing of the second.
  const grpcHandlers = handlers as unknown as GrpcHandlers<typeof Sandbox>;
  if (faults.noSandboxApi !== true) addGrpcService(server, Sandbox, grpcHandlers);
  await listenGrpc(server, socket);
}

async function serveTtrpc(): Promise<void> {
  const server = createTtrpcServer();
  if (faults.noSandboxApi !== true) server.handle(Sandbox, handlers);
  const listener = createServer();
  server.serve(listener);
  // On this signal all connections are lost, and the shim lives on.
  const sockets = new Set<Socket>();
  listener.on("connection", (socket) => sockets.add(socket));
  process.on("SIGUSR2", () => sockets.forEach((socket) => socket.destroy()));
  const { promise, resolve } = Promise.withResolvers<void>();
  listener.listen(socket, resolve);
  await promise;
}

const { protocol = "ttrpc", version = 3, answer = "json" } = faults;
await (protocol === "grpc" ? serveGrpc() : serveTtrpc());
const address = `unix://${socket}`;
const answers = { json: JSON.stringify({ version, address, protocol }), address, path: socket };
// A pipe, where `start` waits for what it has to print.
writeFileSync("answer", answers[answer]);
flushCompileCache();

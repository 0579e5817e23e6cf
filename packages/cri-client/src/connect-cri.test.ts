import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { create } from "@bufbuild/protobuf";
import { Code, type StatusError } from "@crib/errdefs";
import {
  ContainerEventResponseSchema,
  PodSandboxStatusResponseSchema,
  RuntimeService,
  StreamPodSandboxesResponseSchema,
  VersionResponseSchema,
} from "@crib/wire/cri";
import {
  Server,
  ServerCredentials,
  status,
  type ServerUnaryCall,
  type UntypedServiceImplementation,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";

import { connectCri, type CriClient, grpcServiceDefinition } from "./index.ts";

/** A client of an in-process server that has the given handlers; both end with the test. */
async function serve(t: TestContext, handlers: UntypedServiceImplementation): Promise<{ readonly client: CriClient }> {
  const dir = await mkdtemp(join(tmpdir(), "crib-client-"));
  const address = `unix://${join(dir, "s.sock")}`;
  const server = new Server({ "grpc.max_send_message_length": -1 });
  server.addService(grpcServiceDefinition(RuntimeService), handlers);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
  });
  const client = connectCri(address);
  t.after(async () => {
    client.close();
    server.forceShutdown();
    await rm(dir, { recursive: true });
  });
  return { client };
}

async function startServer(t: TestContext): Promise<CriClient> {
  const { client } = await serve(t, {
    version: (_call: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<unknown>) =>
      reply(null, create(VersionResponseSchema, { runtimeName: "crib" })),
    podSandboxStatus: (call: ServerUnaryCall<{ podSandboxId: string }, unknown>, reply: sendUnaryData<unknown>) => {
      if (call.request.podSandboxId === "slow") return;
      if (call.request.podSandboxId === "here")
        return reply(null, create(PodSandboxStatusResponseSchema, { timestamp: 2n ** 60n }));
      reply({ code: status.NOT_FOUND, details: `sandbox "${call.request.podSandboxId}": not found` });
    },
    streamPodSandboxes: (call: ServerWritableStream<unknown, unknown>) => {
      for (const id of ["a", "b"]) call.write(create(StreamPodSandboxesResponseSchema, { podSandboxes: [{ id }] }));
      call.end();
    },
  });
  return client;
}

test("a unary call gives the typed answer, int64 as bigint", async (t) => {
  const client = await startServer(t);
  equal((await client.runtime.version({})).runtimeName, "crib");
  equal((await client.runtime.podSandboxStatus({ podSandboxId: "here" })).timestamp, 2n ** 60n);
});

test("a failure has its code and the server's own words", async (t) => {
  const client = await startServer(t);
  await rejects(client.runtime.podSandboxStatus({ podSandboxId: "x" }), (error: StatusError) => {
    equal(error.code, Code.NotFound);
    equal(error.message, 'sandbox "x": not found');
    return true;
  });
});

test("a call ends with its deadline and with its signal", async (t) => {
  const client = await startServer(t);
  await rejects(client.runtime.podSandboxStatus({ podSandboxId: "slow" }, { timeoutMs: 50 }), {
    code: Code.DeadlineExceeded,
  });
  const abort = new AbortController();
  const call = client.runtime.podSandboxStatus({ podSandboxId: "slow" }, { signal: abort.signal });
  setTimeout(() => abort.abort(new Error("pod removed")), 20);
  await rejects(call, { code: Code.Canceled, message: /pod removed/ });
  await rejects(client.runtime.version({}, { signal: abort.signal }), { code: Code.Canceled });
  const late = AbortSignal.timeout(20);
  await rejects(client.runtime.podSandboxStatus({ podSandboxId: "slow" }, { signal: late }), {
    code: Code.DeadlineExceeded,
  });
});

test("leaving a stream early, or aborting it, cancels it at the server", async (t) => {
  const cancelled: string[] = [];
  const { client } = await serve(t, {
    getContainerEvents: (call: ServerWritableStream<unknown, unknown>) => {
      call.on("cancelled", () => cancelled.push("cancelled"));
      call.write(create(ContainerEventResponseSchema, { containerId: "first" }));
    },
  });
  for await (const { containerId } of client.runtime.getContainerEvents({})) {
    equal(containerId, "first");
    break;
  }
  const abort = new AbortController();
  await rejects(
    async () => {
      for await (const _ of client.runtime.getContainerEvents({}, { signal: abort.signal })) abort.abort();
    },
    { code: Code.Canceled },
  );
  for (let i = 0; i < 3_000 && cancelled.length < 2; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  equal(cancelled.length, 2);
});

test("a message of 16 MiB passes, a larger one is ResourceExhausted", async (t) => {
  const mebibyte = 1024 * 1024;
  const { client } = await serve(t, {
    version: (call: ServerUnaryCall<{ version: string }, unknown>, reply: sendUnaryData<unknown>) =>
      reply(null, create(VersionResponseSchema, { runtimeName: "x".repeat(Number(call.request.version) * mebibyte) })),
  });
  equal((await client.runtime.version({ version: "15" })).runtimeName.length, 15 * mebibyte);
  await rejects(client.runtime.version({ version: "17" }), { code: Code.ResourceExhausted });
});

test("an address of another kind is refused", () => {
  throws(() => connectCri("tcp://127.0.0.1:1"), { code: Code.InvalidArgument, message: /"tcp:\/\/127.0.0.1:1"/ });
  throws(() => connectCri(""), { code: Code.InvalidArgument });
});

test("a server stream is iterated, and one that is not there is Unimplemented", async (t) => {
  const client = await startServer(t);
  const ids: string[] = [];
  for await (const { podSandboxes } of client.runtime.streamPodSandboxes({})) {
    ids.push(...podSandboxes.map(({ id }) => id));
  }
  deepEqual(ids, ["a", "b"]);
  await rejects(client.runtime.runPodSandbox({}), { code: Code.Unimplemented });
});

test("nobody at the socket is Unavailable", async () => {
  await using client = connectCri("/nonexistent/crib.sock");
  await rejects(client.runtime.version({}), { code: Code.Unavailable });
});

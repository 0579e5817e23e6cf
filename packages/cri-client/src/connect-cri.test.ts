import { deepEqual, equal, rejects } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { create } from "@bufbuild/protobuf";
import { Code, type StatusError } from "@crib/errdefs";
import {
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
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";

import { connectCri, type CriClient, grpcServiceDefinition } from "./index.ts";

async function startServer(t: TestContext): Promise<CriClient> {
  const dir = await mkdtemp(join(tmpdir(), "crib-client-"));
  const server = new Server();
  const definition = grpcServiceDefinition(RuntimeService);
  server.addService(definition, {
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
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${join(dir, "s.sock")}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  const client = connectCri(`unix://${join(dir, "s.sock")}`);
  t.after(async () => {
    client.close();
    server.forceShutdown();
    await rm(dir, { recursive: true });
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
  setTimeout(() => abort.abort(), 20);
  await rejects(call, { code: Code.Canceled });
});

test("a server stream is iterated, and one that is not there is Unimplemented", async (t) => {
  const client = await startServer(t);
  const ids: string[] = [];
  for await (const { podSandboxes } of client.runtime.streamPodSandboxes({}) as AsyncIterable<{
    podSandboxes: { id: string }[];
  }>) {
    ids.push(...podSandboxes.map(({ id }) => id));
  }
  deepEqual(ids, ["a", "b"]);
  await rejects(client.runtime.runPodSandbox({}), { code: Code.Unimplemented });
});

test("nobody at the socket is Unavailable", async () => {
  await using client = connectCri("/nonexistent/crib.sock");
  await rejects(client.runtime.version({}), { code: Code.Unavailable });
});

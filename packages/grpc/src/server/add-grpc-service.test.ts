import { deepEqual, equal, rejects } from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";
import { RuntimeService } from "@crib/wire/cri";
import { Controller } from "@crib/wire/sandbox";

import { grpcServiceClient } from "../client/grpc-service-client.ts";
import { serveLocally } from "../testing/serve-locally.ts";

test("a call brings its request and headers to the handler, and its answer back", async (t) => {
  const channel = await serveLocally(t, Controller, {
    create: ({ sandboxId }, { metadata }) => ({ sandboxId: `${sandboxId} in ${metadata["containerd-namespace"]}` }),
  });
  const client = grpcServiceClient(Controller, channel, { metadata: { "containerd-namespace": "k8s.io" } });
  equal((await client.create({ sandboxId: "a" })).sandboxId, "a in k8s.io");
  const other = { metadata: { "containerd-namespace": "other" } };
  equal((await client.create({ sandboxId: "a" }, other)).sandboxId, "a in other");
});

test("what a handler throws is sent with its code, and a method without a handler is Unimplemented", async (t) => {
  const channel = await serveLocally(t, Controller, {
    start: () => Promise.reject(new StatusError(Code.NotFound, 'starting "a": unknown sandbox')),
    stop: () => {
      throw new Error("half a pair \ud800 does no harm");
    },
  });
  const client = grpcServiceClient(Controller, channel);
  await rejects(client.start({ sandboxId: "a" }), { code: Code.NotFound, message: 'starting "a": unknown sandbox' });
  await rejects(client.stop({ sandboxId: "a" }), { code: Code.Unknown });
  await rejects(client.platform({ sandboxId: "a" }), { code: Code.Unimplemented });
});

test("a handler learns that its client has gone, and that a deadline has passed", async (t) => {
  const seen: AbortSignal[] = [];
  const channel = await serveLocally(t, Controller, {
    wait: async (_, { signal }) => {
      seen.push(signal);
      await once(signal, "abort");
      throw StatusError.from(signal.reason);
    },
  });
  const client = grpcServiceClient(Controller, channel, { timeoutMs: 60_000 });
  const caller = new AbortController();
  const gone = rejects(client.wait({ sandboxId: "a" }, { signal: caller.signal }), { code: Code.Canceled });
  while (seen.length === 0) await new Promise(setImmediate);
  caller.abort();
  await gone;
  const codes = (): readonly unknown[] => seen.map(({ reason }) => (reason as StatusError | undefined)?.code);
  // Where the machine stalls, a short deadline passes before the call has come.
  for (let timeoutMs = 50; timeoutMs < 10_000 && !codes().includes(Code.DeadlineExceeded); timeoutMs *= 2) {
    await rejects(client.wait({ sandboxId: "a" }, { timeoutMs }), { code: Code.DeadlineExceeded });
    while (seen.some(({ aborted }) => !aborted)) await new Promise(setImmediate);
  }
  deepEqual([codes()[0], codes().at(-1)], [Code.Canceled, Code.DeadlineExceeded]);
});

test("a stream of answers ends with the iterable, fails with its error, and returns it when the client has gone", async (t) => {
  let returned = (): void => {};
  const channel = await serveLocally(t, RuntimeService, {
    async *getContainerEvents(_, { metadata }) {
      try {
        yield { containerId: "a" };
        if (metadata["fail"] === "yes") throw new StatusError(Code.Unavailable, "closing");
        yield { containerId: "b" };
      } finally {
        returned();
      }
    },
  });
  const client = grpcServiceClient(RuntimeService, channel);
  const ids: string[] = [];
  for await (const { containerId } of client.getContainerEvents({})) ids.push(containerId);
  deepEqual(ids, ["a", "b"]);
  const failing = client.getContainerEvents({}, { metadata: { fail: "yes" } });
  await rejects(
    async () => {
      for await (const { containerId } of failing) equal(containerId, "a");
    },
    { code: Code.Unavailable, message: "closing" },
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  returned = resolve;
  for await (const { containerId } of client.getContainerEvents({})) {
    equal(containerId, "a");
    break;
  }
  await promise;
});

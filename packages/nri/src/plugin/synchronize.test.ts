import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { toBinary } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import { SynchronizeRequestSchema } from "@crib/wire/nri";

import { connectStubPlugin } from "../testing/stub-plugin.ts";
import { startTestNri, testContainer, testPod, until } from "../testing/test-nri.ts";
import { splitSet } from "./synchronize.ts";

const pods = Array.from({ length: 20 }, (_, at) => testPod({ id: `p${at}`, annotations: { a: "x".repeat(at * 10) } }));
const containers = Array.from({ length: 30 }, (_, at) => testContainer({ id: `c${at}` }));

test("a set that fits goes in one message, an empty one too", () => {
  for (const set of [
    { pods, containers },
    { pods: [], containers: [] },
  ]) {
    const [message, ...more] = splitSet(set, 1 << 20);
    deepEqual(
      [message?.pods.length, message?.containers.length, message?.more],
      [set.pods.length, set.containers.length, false],
    );
    equal(more.length, 0);
  }
});

test("whatever the limit, every message is within it and nothing is lost or told twice", () => {
  for (const limit of [300, 400, 700, 1000, 3000]) {
    const messages = splitSet({ pods, containers }, limit);
    ok(messages.length > 1);
    for (const message of messages) ok(toBinary(SynchronizeRequestSchema, message).length <= limit);
    deepEqual(
      messages.flatMap((message) => [...message.pods, ...message.containers].map(({ id }) => id)),
      [...pods, ...containers].map(({ id }) => id),
    );
    deepEqual(
      messages.map(({ more }) => more),
      messages.map((_, at) => at < messages.length - 1),
    );
  }
});

test("an object that is too large by itself is an error that names it", () => {
  throws(() => splitSet({ pods, containers }, 200), { code: Code.ResourceExhausted, message: /pod "p\d+" takes/ });
});

test("a plugin learns of 12 MB in several messages, and what it wants changed is applied once all is told", async (t) => {
  const { nri, host, socket } = await startTestNri(t);
  const large = { annotations: { a: "x".repeat(100_000) } };
  host.pods = pods.map((pod) => testPod({ id: pod.id, ...large }));
  host.containers = Array.from({ length: 100 }, (_, at) => testContainer({ id: `c${at}`, ...large }));
  const plugin = await connectStubPlugin(socket, {
    onSynchronize: ({ containers }) => ({
      update: [{ containerId: containers[99]?.id ?? "", linux: { resources: { cpu: { shares: { value: 3n } } } } }],
    }),
  });
  const set = await plugin.synchronized;
  deepEqual([set.pods.length, set.containers.length], [20, 100]);
  await until("the update is applied", () => host.updates.length === 1);
  equal(host.updates[0]?.containerId, "c99");
  equal(nri.isActive, true);
});

test("a plugin that does not know of several messages is not taken, and creations go on", async (t) => {
  const { nri, host, socket, log } = await startTestNri(t);
  host.pods = Array.from({ length: 2 }, (_, at) => testPod({ id: `p${at}`, annotations: { a: "x".repeat(3 << 20) } }));
  const plugin = await connectStubPlugin(socket, { maxSynchronizeMessages: 1 });
  await plugin.closed;
  await until("creations go on", () => host.releases === 1);
  equal(nri.plugins().length, 0);
  match(String(log.find(({ level }) => level === "error")?.fields["why"]), /does not take more than one message/);
});

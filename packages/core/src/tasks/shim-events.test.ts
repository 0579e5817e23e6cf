import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import { connectTtrpc } from "@crib/ttrpc";
import { Events, TaskExitSchema } from "@crib/wire/events";
import { EnvelopeSchema } from "@crib/wire/types";

import { readEnvelope, serveShimEvents, type ShimEvent } from "./shim-events.ts";

async function socketPath(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "crib-events-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return join(dir, "events.sock");
}

const exit = {
  timestamp: { seconds: 1_700_000_000n, nanos: 5_000_000 },
  namespace: "k8s.io",
  topic: "/tasks/exit",
  event: {
    typeUrl: "containerd.events.TaskExit",
    value: toBinary(TaskExitSchema, create(TaskExitSchema, { containerId: "c1", id: "c1", pid: 7, exitStatus: 137 })),
  },
} satisfies MessageInitShape<typeof EnvelopeSchema>;

const read = (change: object): ShimEvent => readEnvelope(create(EnvelopeSchema, { ...exit, ...change }));

async function nextOf(events: AsyncIterable<ShimEvent>): Promise<ShimEvent | undefined> {
  for await (const event of events) return event;
  return undefined;
}

test("an event that a shim forwards reaches each reader, typed", async (t) => {
  const path = await socketPath(t);
  await using events = await serveShimEvents(path, t.signal);
  const readers = [nextOf(events.watch(t.signal)), nextOf(events.watch(t.signal))];
  await using shim = await connectTtrpc({ path });
  await shim.unary(Events.method.forward, { envelope: exit });
  for (const event of await Promise.all(readers)) {
    equal(event?.at.toISOString(), "2023-11-14T22:13:20.005Z");
    ok(event.body.kind === "exit");
    deepEqual([event.body.message.containerId, event.body.message.exitStatus], ["c1", 137]);
  }
});

test("an invalid event is refused on the wire and reaches nobody", async (t) => {
  const path = await socketPath(t);
  await using events = await serveShimEvents(path, t.signal);
  const reader = nextOf(events.watch(t.signal));
  await using shim = await connectTtrpc({ path });
  const bad = shim.unary(Events.method.forward, { envelope: { ...exit, namespace: "" } });
  await rejects(bad, { code: Code.InvalidArgument });
  await shim.unary(Events.method.forward, { envelope: exit });
  equal((await reader)?.namespace, "k8s.io");
});

test("topics and types that are not known are passed on as they are", () => {
  equal(read({ topic: "/sandboxes/exit" }).body.kind, "other");
  equal(read({ topic: "/tasks/shiny-new" }).body.kind, "other");
  equal(read({ topic: "/tasks/constructor" }).body.kind, "other");
  equal(read({ event: { typeUrl: "x.Other", value: new Uint8Array() } }).body.kind, "other");
  equal(
    read({ event: { ...exit.event, typeUrl: "types.containerd.io/containerd.events.TaskExit" } }).body.kind,
    "exit",
  );
});

for (const [what, change] of [
  ["an empty namespace", { namespace: "" }],
  ["a namespace that is a path", { namespace: "../x" }],
  ["an empty topic", { topic: "" }],
  ["a topic without its slash", { topic: "tasks/exit" }],
  ["a topic that ends in a slash", { topic: "/tasks/" }],
  ["a topic with a blank", { topic: "/tasks/ exit" }],
  ["no timestamp", { timestamp: undefined }],
  ["a timestamp outside of time", { timestamp: { seconds: 1n << 62n } }],
  ["nanoseconds below zero", { timestamp: { seconds: 1n, nanos: -1 } }],
  ["no event", { event: undefined }],
  ["broken bytes", { event: { typeUrl: "containerd.events.TaskExit", value: Uint8Array.of(0x0a, 0xff) } }],
] as const) {
  test(`${what} in an envelope is InvalidArgument`, () => {
    throws(() => read(change), { code: Code.InvalidArgument });
  });
}

/** Leaves a socket file behind as SIGKILL does. */
async function abandonSocket(path: string): Promise<void> {
  const script = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  const child = spawn(process.execPath, ["-e", script, path], { stdio: "ignore" });
  await once(child, "exit");
}

test("a dead socket is replaced, a living one and a plain file are not", async (t) => {
  const path = await socketPath(t);
  await abandonSocket(path);
  ok((await stat(path)).isSocket());
  {
    await using events = await serveShimEvents(path, t.signal);
    await rejects(serveShimEvents(path, t.signal), { code: Code.FailedPrecondition, message: /in use/ });
    const reader = nextOf(events.watch(t.signal));
    await using shim = await connectTtrpc({ path });
    await shim.unary(Events.method.forward, { envelope: exit });
    equal((await reader)?.topic, "/tasks/exit");
  }
  await writeFile(path, "not a socket");
  await rejects(serveShimEvents(path, t.signal), { code: Code.FailedPrecondition });
  ok((await stat(path)).isFile());
});

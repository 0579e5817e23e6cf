import { deepEqual, equal, rejects } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";
import { connectTtrpc, createTtrpcServer, type ServiceHandlers } from "@crib/ttrpc";
import { TaskV2, TaskV3 } from "@crib/wire/task";

import { createTaskClient } from "./task-client.ts";
import type { TaskClient } from "./types.ts";

type Handlers = ServiceHandlers<typeof TaskV2>;

/** A task client over a real connection to a shim that serves these versions. */
async function clientOf(t: TestContext, shim: { readonly v2?: Handlers; readonly v3?: Handlers }): Promise<TaskClient> {
  const dir = await mkdtemp(join(tmpdir(), "crib-task-"));
  const path = join(dir, "shim.sock");
  const server = createTtrpcServer();
  if (shim.v2 !== undefined) server.handle(TaskV2, shim.v2);
  // The messages of both versions are the same; the types only differ by the name of their package.
  if (shim.v3 !== undefined) server.handle(TaskV3, shim.v3);
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(path, resolve));
  server.serve(listener);
  const client = await connectTtrpc({ path });
  t.after(async () => {
    await client.close();
    await server.close();
    await rm(dir, { recursive: true, force: true });
  });
  return createTaskClient({ client, version: shim.v3 === undefined ? 2 : 3, namespace: "k8s.io", id: "t1" });
}

test("calls carry the namespace and their arguments, and give what the caller needs", async (t) => {
  const seen: unknown[] = [];
  const tasks = await clientOf(t, {
    v2: {
      create: ({ id, bundle }, { metadata }) => {
        seen.push(id, bundle, metadata.get("containerd-namespace-ttrpc"));
        return { pid: 42 };
      },
      kill: ({ signal, all }) => {
        seen.push(signal, all);
        return {};
      },
      closeIO: ({ stdin, execId }) => {
        seen.push(stdin, execId);
        return {};
      },
    },
  });
  equal(await tasks.create({ id: "t1", bundle: "/b" }, t.signal), 42);
  await tasks.kill({ id: "t1", signal: 9, all: true }, t.signal);
  await tasks.closeStdin("t1", "e1", t.signal);
  deepEqual(seen, ["t1", "/b", ["k8s.io"], 9, true, true, "e1"]);
});

test("a shim of version 3 is called by that, and one that is older than it said by version 2 from then on", async (t) => {
  const modern = await clientOf(t, { v3: { start: () => ({ pid: 3 }) }, v2: { start: () => ({ pid: 2 }) } });
  equal(await modern.start("t1", "", t.signal), 3);
  equal(modern.version, 3);
  let calls = 0;
  const old = await clientOf(t, { v2: { start: () => ({ pid: (calls += 1) }) }, v3: {} });
  equal(await old.start("t1", "", t.signal), 1);
  equal(old.version, 2);
  equal(await old.start("t1", "", t.signal), 2);
});

test("a method that neither version has is Unimplemented, and the version stays", async (t) => {
  const tasks = await clientOf(t, { v3: {}, v2: {} });
  await rejects(tasks.pause("t1", t.signal), { code: Code.Unimplemented, message: /pause .*"t1"/ });
  equal(tasks.version, 3);
});

test("an error keeps the shim's code and words", async (t) => {
  const tasks = await clientOf(t, {
    v2: {
      state: () => {
        throw new StatusError(Code.NotFound, "container not created");
      },
    },
  });
  await rejects(tasks.state("t1", "", t.signal), { code: Code.NotFound, message: /state .*container not created/ });
  equal(tasks.hasAbandoned, false);
});

test("a call that gets no answer ends at its deadline and is remembered, a wait is not", async (t) => {
  const never = async (): Promise<never> => await new Promise<never>(() => undefined);
  const tasks = await clientOf(t, { v2: { wait: never, stats: never } });
  await rejects(tasks.wait("t1", "", t.signal, { timeoutMs: 30 }), { code: Code.DeadlineExceeded });
  equal(tasks.hasAbandoned, false);
  await rejects(tasks.stats("t1", t.signal, { timeoutMs: 30 }), { code: Code.DeadlineExceeded });
  equal(tasks.hasAbandoned, true);
});

test("a shim that goes before it has answered Shutdown has obeyed", async (t) => {
  const tasks = await clientOf(t, {
    v2: {
      shutdown: (_, { socket }) => {
        socket.destroy();
        return {};
      },
    },
  });
  await tasks.shutdown("t1", t.signal);
});

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect as dial, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";
import { TaskV2, TaskV3 } from "@crib/wire/task";

import { connectTasks, type TasksConnection, type TasksDial } from "./connect-tasks.ts";
import { type ServedEndpoint, serveTasks, ways } from "./testing/serve-tasks.ts";

const never = new AbortController().signal;

async function connect(
  { endpoint }: Pick<ServedEndpoint, "endpoint">,
  version = 3,
  dial: Partial<TasksDial> = {},
): Promise<TasksConnection> {
  const whole = { ...endpoint, version };
  return await connectTasks({ id: "pod", endpoint: whole, namespace: "k8s.io", timeoutMs: 60_000, ...dial }, never);
}

const openFiles = (): number => readdirSync("/proc/self/fd").length;

const self = { connect: () => ({ shimPid: process.pid, version: "" }) };

for (const way of ways) {
  const name = way.join(" over ");

  test(`${name}: calls are answered by either version, and a process of this host is told`, async (t) => {
    const modern = await serveTasks(t, way, [[TaskV3, { ...self, start: () => ({ pid: 3 }) }]]);
    const { tasks, process: server, client } = await connect(modern);
    equal(await tasks.start("a", "", never), 3);
    equal(server?.pid, way[1] === "unix" ? process.pid : undefined);
    await client.close();
    const old = await serveTasks(t, way, [[TaskV2, { ...self, start: () => ({ pid: 2 }) }]]);
    const second = await connect(old);
    equal(await second.tasks.start("a", "", never), 2);
    equal(second.tasks.version, 2);
    await second.client.close();
  });

  test(`${name}: errors keep their code, and a death ends what is waited for`, async (t) => {
    const served = await serveTasks(t, way, [
      [
        TaskV3,
        {
          ...self,
          state: () => {
            throw new StatusError(Code.NotFound, "no such task");
          },
          wait: () => new Promise(() => {}),
        },
      ],
    ]);
    const { tasks, client } = await connect(served);
    await rejects(tasks.state("a", "", never), { code: Code.NotFound, message: /no such task/ });
    await rejects(tasks.wait("a", "", never, { timeoutMs: 20 }), { code: Code.DeadlineExceeded });
    const waiting = rejects(tasks.wait("a", "", never), { code: Code.Unavailable });
    await delay(10);
    served.cut();
    await waiting;
    equal((await client.closed).code, Code.Unavailable);
    await served.stop();
    await rejects(connect(served), { code: Code.NotFound, message: /"pod".*nobody listens/ });
  });

  test(`${name}: a peer that hangs is given up, and nothing is left of it`, async (t) => {
    const served = await serveTasks(t, way, [[TaskV3, { connect: () => new Promise(() => {}) }]]);
    const before = openFiles();
    await rejects(connect(served, 3, { timeoutMs: 50 }), { code: Code.DeadlineExceeded });
    for (let tries = 0; tries < 6_000 && openFiles() !== before; tries += 1) await delay(10);
    equal(openFiles(), before);
  });

  test(`${name}: a service that knows nothing of the sandbox has answered all the same`, async (t) => {
    const served = await serveTasks(t, way, [
      [TaskV3, { start: () => ({ pid: 1 }) }],
      [TaskV2, {}],
    ]);
    const { tasks, process: server, client } = await connect(served);
    equal(server, undefined);
    equal(await tasks.start("a", "", never), 1);
    await client.close();
  });
}

/** A monitor of a virtual machine that answers as `answer` says. */
async function monitor(
  t: TestContext,
  answer: (socket: Socket, count: number) => void,
): Promise<ServedEndpoint["endpoint"]> {
  const directory = mkdtempSync(join(tmpdir(), "crib-monitor-"));
  const path = join(directory, "vm.sock");
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    answer(socket, ++count);
  });
  await once(server.listen(path), "listening");
  t.after(() => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
    rmSync(directory, { recursive: true });
  });
  return { protocol: "ttrpc", address: `hvsock://${path}:1024` };
}

test("a machine that takes no connection yet is tried again", async (t) => {
  const real = await serveTasks(t, ["ttrpc", "hvsock"], [[TaskV3, self]]);
  const target = real.endpoint.address.slice("hvsock://".length, -":1024".length);
  const endpoint = await monitor(t, (socket, count) => {
    if (count === 1) socket.destroy();
    else if (count === 2) socket.end("Error\n");
    else if (count === 3) socket.end();
    else if (count === 4) socket.write("x".repeat(1_000));
    else socket.pipe(dial(target)).pipe(socket);
  });
  const { client, tasks } = await connect({ endpoint });
  equal((await tasks.connect("a", never)).shimPid, process.pid);
  await client.close();
});

test("a machine that takes none at all is Unavailable once the time is over", async (t) => {
  const seen: string[] = [];
  const endpoint = await monitor(t, (socket, count) => {
    socket.on("data", (bytes: Buffer) => seen.push(bytes.toString()));
    if (count > 1) socket.end("NO\n");
  });
  const before = openFiles();
  await rejects(connect({ endpoint }, 3, { timeoutMs: 3_000 }), { code: Code.Unavailable, message: /"NO"|aborted/ });
  deepEqual(seen.slice(0, 1), ["CONNECT 1024\n"]);
  ok(seen.length > 2, "it was tried once only");
  for (let tries = 0; tries < 6_000 && openFiles() > before + 1; tries += 1) await delay(10);
  ok(openFiles() <= before + 1, "descriptors are left");
});

test("bytes right after the handshake belong to the stream", async (t) => {
  const endpoint = await monitor(t, (socket) => {
    socket.once("data", () => socket.write("OK 1\nnot ttrpc at all, and more than a header"));
  });
  // Taken for a frame: the connection ends by what it is, and not for want of an answer.
  await rejects(connect({ endpoint }, 3, { timeoutMs: 60_000 }), { code: Code.Unavailable, message: /ttrpc|frame/ });
});

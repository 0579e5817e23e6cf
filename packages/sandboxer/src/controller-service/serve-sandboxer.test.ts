import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { connectTtrpc } from "@crib/ttrpc";
import { cgroupsV2 } from "@crib/wire/cgroups";
import { PodSandboxConfigSchema } from "@crib/wire/cri";
import { TaskV2, TaskV3 } from "@crib/wire/task";

import { formatSandbox } from "../sandbox-json.ts";
import type { TaskApi } from "../tasks/types.ts";
import { serveFake } from "../testing/sandboxer-fixture.ts";

const sandboxId = "a";

test("a sandbox lives from Create to Shutdown", async (t) => {
  const { client, fake, stateDir } = await serveFake(t);
  deepEqual((await client.create({ sandboxId })).sandboxId, sandboxId);
  equal((await client.status({ sandboxId })).state, "SANDBOX_NOTREADY");
  const started = await client.start({ sandboxId });
  deepEqual(
    [started.pid, started.address, started.version, started.labels],
    [42, "ttrpc+vsock://3:1024", 2, { of: "a" }],
  );
  deepEqual(JSON.parse(Buffer.from(started.spec?.value ?? []).toString()).linux.namespaces, [
    { type: "network", path: "/ns/net" },
    { type: "ipc", path: "/ns/ipc" },
  ]);
  const status = await client.status({ sandboxId, verbose: true });
  deepEqual(
    [status.state, status.pid, status.info, status.address],
    ["SANDBOX_READY", 42, { more: "yes" }, started.address],
  );
  equal((await client.platform({ sandboxId })).platform?.architecture, "riscv64");
  await client.stop({ sandboxId, timeoutSecs: 3 });
  ok(fake.calls.includes("stop a 3000"));
  const ended = await client.status({ sandboxId });
  deepEqual([ended.state, ended.pid, ended.exitedAt?.seconds], ["SANDBOX_NOTREADY", 0, 1n]);
  await client.shutdown({ sandboxId });
  await rejects(client.status({ sandboxId }), { code: Code.NotFound });
  deepEqual(await readdir(join(stateDir, "sandboxes")), []);
});

test("ids are checked, known ones refused, unknown ones NotFound except to Stop and Shutdown", async (t) => {
  const { client } = await serveFake(t);
  for (const bad of ["", "../x", "a/b", "x".repeat(77)]) {
    await rejects(client.create({ sandboxId: bad }), { code: Code.InvalidArgument });
    await rejects(client.shutdown({ sandboxId: bad }), { code: Code.InvalidArgument });
  }
  await client.create({ sandboxId });
  await rejects(client.create({ sandboxId }), { code: Code.AlreadyExists });
  const unknown = { sandboxId: "unknown" };
  for (const call of [client.start, client.status, client.wait, client.platform, client.metrics, client.update]) {
    await rejects(call(unknown), { code: Code.NotFound, message: /"unknown"/ });
  }
  await client.stop(unknown);
  await client.shutdown(unknown);
  await client.start({ sandboxId });
  await rejects(client.start({ sandboxId }), { code: Code.FailedPrecondition });
  await client.stop({ sandboxId });
  await client.stop({ sandboxId });
});

test("many wait, one gives up alone, and a late one learns the same until Shutdown", async (t) => {
  const { client, fake } = await serveFake(t);
  await client.create({ sandboxId });
  await client.start({ sandboxId });
  const waits = [client.wait({ sandboxId }), client.wait({ sandboxId })];
  await rejects(client.wait({ sandboxId }, { timeoutMs: 50 }), { code: Code.DeadlineExceeded });
  fake.end(sandboxId, 3);
  for (const wait of [...waits, client.wait({ sandboxId })]) equal((await wait).exitStatus, 3);
  equal(fake.calls.filter((call) => call === "wait a").length, 1);
  await client.shutdown({ sandboxId });
  await rejects(client.wait({ sandboxId }), { code: Code.NotFound });
});

test("what a failed Create made is shut down; a failed Start is stopped and only shut down", async (t) => {
  const { client, fake, stateDir } = await serveFake(t);
  const refused = new StatusError(Code.ResourceExhausted, "no room");
  fake.make("create", refused);
  await rejects(client.create({ sandboxId }), { code: Code.ResourceExhausted, message: "no room" });
  deepEqual(fake.calls, ["create a", "shutdown a"]);
  deepEqual(await readdir(join(stateDir, "sandboxes")), []);
  fake.make("create", "work");
  fake.make("start", refused);
  await client.create({ sandboxId });
  await rejects(client.start({ sandboxId }), { code: Code.ResourceExhausted });
  equal(fake.calls.at(-1), "stop a 0");
  fake.make("start", "work");
  await rejects(client.start({ sandboxId }), { code: Code.FailedPrecondition });
  equal((await client.status({ sandboxId })).state, "SANDBOX_NOTREADY");
  await client.shutdown({ sandboxId });
});

test("a controller that hangs, deaf or not, holds up neither its caller nor others", async (t) => {
  const deadlines = { start: 100, other: 100, settle: 50 };
  const { client, fake } = await serveFake(t, { deadlines });
  await client.create({ sandboxId });
  for (const how of ["hang", "hang deaf"] as const) {
    fake.make("start", how);
    fake.make("status", how);
    await rejects(client.status({ sandboxId }), { code: Code.DeadlineExceeded });
    await rejects(client.start({ sandboxId }), { code: Code.DeadlineExceeded, message: /starting sandbox "a"/ });
    await client.create({ sandboxId: "b" });
    await client.shutdown({ sandboxId: "b" });
    await client.shutdown({ sandboxId });
    await client.create({ sandboxId });
  }
});

test("a start waits for its task service as long as for the start itself, and says what it waited for", async (t) => {
  const { client, fake } = await serveFake(t, { deadlines: { other: 50 } });
  const endpoint = fake.endpoint.bind(fake);
  fake.endpoint = async (id, signal) => {
    await delay(250, undefined, { signal });
    return await endpoint(id, signal);
  };
  await client.create({ sandboxId });
  equal((await client.start({ sandboxId })).address, "ttrpc+vsock://3:1024");
  fake.make("endpoint", new StatusError(Code.DeadlineExceeded, "its task server is not there"));
  await client.create({ sandboxId: "b" });
  await rejects(client.start({ sandboxId: "b" }), {
    code: Code.DeadlineExceeded,
    message: "its task server is not there",
  });
});

test("a client that leaves aborts Create, and its sandbox is gone", async (t) => {
  const { client, fake } = await serveFake(t);
  fake.make("create", "hang");
  // Where the machine stalls, a short deadline passes before the call has come.
  for (let timeoutMs = 50; fake.calls.length === 0; timeoutMs *= 4) {
    await rejects(client.create({ sandboxId }, { timeoutMs }), { code: Code.DeadlineExceeded });
  }
  while (!fake.calls.includes("shutdown a")) await new Promise((resolve) => setTimeout(resolve, 5));
  fake.make("create", "work");
  await client.create({ sandboxId });
  deepEqual(fake.calls, ["create a", "shutdown a", "create a"]);
});

test("a pod comes as a PodSandboxConfig, as crib's description, or as nothing", async (t) => {
  const { client, fake } = await serveFake(t);
  const config = create(PodSandboxConfigSchema, { metadata: { name: "web" }, linux: { cgroupParent: "/pods" } });
  const value = toBinary(PodSandboxConfigSchema, config);
  await client.create({ sandboxId, options: { value }, netnsPath: "/run/netns/x" });
  const derived = fake.pods.get("a")?.sandbox;
  deepEqual(
    [derived?.pod.name, derived?.cgroupPath, derived?.namespaces],
    ["web", "/pods/crib-a", { net: "/run/netns/x" }],
  );
  if (derived === undefined) throw new Error("no pod");
  const described = { ...derived, id: "b", hostname: "told" };
  const extension = (sandbox: typeof derived): { readonly extensions: Record<string, { value: Uint8Array }> } => ({
    extensions: { "dev.crib/sandbox": { value: Buffer.from(formatSandbox(sandbox)) } },
  });
  await client.create({ sandboxId: "b", sandbox: extension(described) });
  equal(fake.pods.get("b")?.sandbox.hostname, "told");
  await client.create({ sandboxId: "c" });
  equal(fake.pods.get("c")?.sandbox.hostname, "c");
  const refused: readonly Parameters<typeof client.create>[0][] = [
    { options: { value: Buffer.from([255, 255]) } },
    { options: { typeUrl: "other.Config", value } },
    { sandbox: extension(described) },
    { sandbox: { extensions: { "dev.crib/sandbox": { value: Buffer.from("{") } } } },
  ];
  for (const request of refused) {
    await rejects(client.create({ ...request, sandboxId: "d" }), { code: Code.InvalidArgument });
  }
});

test("Update tells of changed tasks and limits, and refuses what it does not know", async (t) => {
  const { client, fake } = await serveFake(t);
  await client.create({ sandboxId });
  await client.start({ sandboxId });
  fake.calls.length = 0;
  const tasks = (...list: readonly object[]) => ({
    sandboxId,
    fields: ["extensions.tasks"],
    sandbox: { extensions: { tasks: { value: Buffer.from(JSON.stringify({ tasks: list })) } } },
  });
  await client.update(tasks({ task_id: "t", spec: {}, processes: [{ exec_id: "e", spec: {} }] }));
  await client.update(tasks({ task_id: "t", spec: {} }, { task_id: "u" }));
  await client.update(tasks());
  deepEqual(fake.calls, ["add a t", "exec a t e", "unexec a t e", "add a u", "remove a t", "remove a u"]);
  const resources = { overhead: { cpu_quota: "5" }, resources: { memory_limit_in_bytes: 7 } };
  const value = Buffer.from(JSON.stringify(resources));
  await client.update({
    sandboxId,
    fields: ["extensions"],
    sandbox: { extensions: { "updated-resources": { value } } },
  });
  equal(fake.calls.at(-1), 'update a {"resources":{"memoryLimitBytes":7},"overhead":{"cpuQuota":5}}');
  const unknown = { sandboxId, fields: ["labels", "extensions.x"], sandbox: {} };
  await rejects(client.update(unknown), { code: Code.InvalidArgument, message: /"labels", "extensions.x"/ });
  await rejects(client.update({ sandboxId, fields: ["extensions.tasks"] }), { code: Code.InvalidArgument });
});

test("metrics are those of a cgroup, or none", async (t) => {
  const { client, fake } = await serveFake(t);
  await client.create({ sandboxId });
  equal((await client.metrics({ sandboxId })).metrics, undefined);
  const usage = { cpuUsageNanos: 5_000n, memoryUsageBytes: 100n, memoryWorkingSetBytes: 60n, pids: 2n };
  fake.metricsOf = { timestamp: new Date(0), ...usage };
  const { metrics } = await client.metrics({ sandboxId });
  const { cpu, memory, pids } = fromBinary(cgroupsV2.MetricsSchema, metrics?.data?.value ?? new Uint8Array());
  deepEqual([cpu?.usageUsec, memory?.usage, memory?.inactiveFile, pids?.current], [5n, 100n, 40n, 2n]);
});

test("the next process adopts what was started, shuts down what was not, and sets aside what it cannot read", async (t) => {
  const before = await serveFake(t);
  for (const id of ["created", "gone", "running", "spoilt", "stopped"]) await before.client.create({ sandboxId: id });
  for (const id of ["gone", "running", "spoilt", "stopped"]) await before.client.start({ sandboxId: id });
  before.fake.end("gone", 9);
  equal((await before.client.wait({ sandboxId: "gone" })).exitStatus, 9);
  await before.client.stop({ sandboxId: "stopped" });
  const file = join(before.stateDir, "sandboxes", "spoilt", "record.json");
  equal((await stat(file)).mode & 0o777, 0o600);
  await writeFile(file, (await readFile(file, "utf8")).replace('"hostname": "spoilt"', '"hostname": "evil"'));
  const { client, fake, served, log } = await before.restart();
  deepEqual(
    served.unreadable.map(({ id, reason }) => [id, reason.code]),
    [["spoilt", Code.DataLoss]],
  );
  match(await readFile(served.unreadable[0]?.keptAs ?? "", "utf8"), /evil/);
  equal((await client.status({ sandboxId: "running" })).state, "SANDBOX_READY");
  equal((await client.wait({ sandboxId: "gone" })).exitStatus, 9);
  equal((await client.wait({ sandboxId: "stopped" })).exitStatus, 137);
  for (const id of ["created", "spoilt"]) await rejects(client.status({ sandboxId: id }), { code: Code.NotFound });
  deepEqual(fake.calls.filter((call) => !/^(?:wait|status|endpoint)/.test(call)).toSorted(), [
    "adopt running",
    "shutdown created",
  ]);
  ok(log.includes("error: the record of a sandbox cannot be read"));
});

test("a sandbox that cannot be adopted is Unavailable, never gone, until it can", async (t) => {
  const before = await serveFake(t);
  await before.client.create({ sandboxId });
  await before.client.start({ sandboxId });
  const { client, fake } = await before.restart((fake) => fake.make("adopt", new Error("not yet")));
  await rejects(client.status({ sandboxId }), { code: Code.Unavailable, message: /not yet/ });
  const wait = client.wait({ sandboxId });
  fake.make("adopt", "work");
  for (;;) {
    const found = await client.status({ sandboxId }).catch(() => undefined);
    if (found?.state === "SANDBOX_READY") break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  fake.end(sandboxId, 4);
  equal((await wait).exitStatus, 4);
});

test("one process serves a directory, and closing it leaves sandboxes running", async (t) => {
  const { client, fake, served, stateDir } = await serveFake(t);
  await rejects(serveFake(t, { stateDir }), { code: Code.FailedPrecondition });
  await client.create({ sandboxId });
  await client.start({ sandboxId });
  await served[Symbol.asyncDispose]();
  await served.closed;
  equal(fake.pods.get(sandboxId)?.state, "ready");
  await rejects(client.status({ sandboxId }), { code: Code.Unavailable });
});

test("tasks are served beside, under the names of both versions", async (t) => {
  const asked: string[] = [];
  const tasks = new Proxy({} as TaskApi, {
    get: (_, name) => (request: { readonly id: string }) => {
      asked.push(`${String(name)} ${request.id}`);
      return Promise.resolve({});
    },
  });
  const { client, stateDir } = await serveFake(t, { tasks });
  await client.create({ sandboxId });
  const { address, version } = await client.start({ sandboxId });
  const path = join(stateDir, "task.sock");
  deepEqual([address, version], [`ttrpc+unix://${path}`, 3]);
  equal((await stat(path)).mode & 0o777, 0o600);
  await using tasksClient = await connectTtrpc({ path });
  await tasksClient.unary(TaskV2.method.connect, { id: "two" });
  await tasksClient.unary(TaskV3.method.connect, { id: "three" });
  deepEqual(asked, ["connect two", "connect three"]);
});

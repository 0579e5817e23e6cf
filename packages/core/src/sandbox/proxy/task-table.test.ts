import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";

import { Code, StatusError } from "@crib/errdefs";
import type { SandboxTask, SandboxTasks } from "@crib/sandboxer";

import type { TableTask } from "./pod-memory.ts";
import { ProxyFixture } from "./testing/proxy-fixture.ts";
import type { SandboxerConfig } from "./types.ts";

const stdio = { stdin: "", stdout: "/o", stderr: "/e" };
const exec = { execId: "e1", process: '{"args":["ls"]}', ...stdio };

function task(id: string): SandboxTask {
  const rootfs = [{ type: "overlay", source: "overlay", target: "/t", options: ["lowerdir=/l"] }];
  return { id, spec: `{"hostname":"${id}"}`, rootfs, ...stdio };
}

async function prepare(
  t: TestContext,
  taskUpdates: SandboxerConfig["taskUpdates"] = "auto",
): Promise<{ readonly fixture: ProxyFixture; readonly id: string }> {
  const fixture = await ProxyFixture.make({ config: { taskUpdates } });
  t.after(() => fixture[Symbol.asyncDispose]());
  return { fixture, id: (await fixture.started(t.signal)).id };
}

function tasksOf({ controller }: ProxyFixture): SandboxTasks {
  ok(controller.tasks);
  return controller.tasks;
}

/** The tables that were sent, as ids of tasks with ids of processes. */
function sent({ fake }: ProxyFixture): readonly string[] {
  return fake.requests("update").map(({ fields, sandbox }) => {
    deepEqual(fields, ["extensions.tasks"]);
    const { tasks } = JSON.parse(Buffer.from(sandbox?.extensions["tasks"]?.value ?? []).toString()) as {
      readonly tasks: readonly TableTask[];
    };
    return tasks
      .map(({ task_id, processes }) => [task_id, ...processes.map(({ exec_id }) => exec_id)].join("+"))
      .join(" ");
  });
}

const refuse = (code: Code) => (): Promise<never> => Promise.reject(new StatusError(code, "no"));

suite("the table of tasks", { concurrency: 4 }, () => {
  test("is sent whole with each change, one after the other, in the form of iSulad and Kuasar", async (t) => {
    const { fixture, id } = await prepare(t);
    const tasks = tasksOf(fixture);
    equal(fixture.controller.describe().tasksByUpdate, "unknown");
    await Promise.all([tasks.add(id, task("a"), t.signal), tasks.add(id, task("b"), t.signal)]);
    await tasks.addProcess(id, "a", exec, t.signal);
    const [request] = fixture.fake.requests("update");
    deepEqual(JSON.parse(Buffer.from(request?.sandbox?.extensions["tasks"]?.value ?? []).toString()), {
      tasks: [
        {
          task_id: "a",
          spec: { hostname: "a" },
          rootfs: [{ destination: "/t", target: "/t", type: "overlay", source: "overlay", options: ["lowerdir=/l"] }],
          ...stdio,
          processes: [],
        },
      ],
    });
    await tasks.removeProcess(id, "a", "e1", t.signal);
    await tasks.removeProcess(id, "a", "e1", t.signal);
    await tasks.remove(id, "a", t.signal);
    await tasks.remove(id, "a", t.signal);
    await tasks.remove(id, "unknown", t.signal);
    await tasks.remove("f".repeat(64), "unknown", t.signal);
    deepEqual(sent(fixture), ["a", "a b", "a+e1 b", "a b", "b"]);
    equal(fixture.controller.describe().tasksByUpdate, "yes");
    await rejects(tasks.addProcess(id, "a", exec, t.signal), { code: Code.NotFound });
    await rejects(tasks.add(id, { ...task("c"), spec: "{" }, t.signal), { code: Code.InvalidArgument });
  });

  test("is on disk before it is sent, for root alone", async (t) => {
    const { fixture, id } = await prepare(t);
    const path = join(fixture.dir, "sandboxes", id, "sandboxer.json");
    const onDisk: string[] = [];
    fixture.fake.faults.update = async (_, next) => {
      onDisk.push(await readFile(path, "utf8"));
      return await next();
    };
    await tasksOf(fixture).add(id, task("a"), t.signal);
    ok(onDisk[0]?.includes('"task_id":"a"'));
    equal((await stat(path)).mode & 0o777, 0o600);
  });

  test("is known again after a restart of crib, and sent again before the next addition", async (t) => {
    const { fixture, id } = await prepare(t);
    await tasksOf(fixture).add(id, task("a"), t.signal);
    await tasksOf(fixture).addProcess(id, "a", exec, t.signal);
    await fixture.restart();
    await tasksOf(fixture).add(id, task("b"), t.signal);
    await tasksOf(fixture).add(id, task("c"), t.signal);
    await fixture.restart();
    await tasksOf(fixture).remove(id, "unknown", t.signal);
    await fixture.restart();
    await tasksOf(fixture).remove(id, "b", t.signal);
    const told = ["a", "a+e1", "a+e1", "a+e1 b", "a+e1 b c", "a+e1 b c", "a+e1 c"];
    deepEqual(sent(fixture), told);
  });

  test("is sent again after a restart of the sandboxer", async (t) => {
    const { fixture, id } = await prepare(t);
    const { fake, controller } = fixture;
    await tasksOf(fixture).add(id, task("a"), t.signal);
    await fake.down();
    await rejects(tasksOf(fixture).add(id, task("b"), t.signal), { code: Code.Unavailable });
    await fake.up();
    while (controller.describe().state !== "connected") await new Promise(setImmediate);
    await tasksOf(fixture).add(id, task("b"), t.signal);
    deepEqual(sent(fixture), ["a", "a", "a b"]);
  });

  test("does not keep what could not be told of, and tells of its removal", async (t) => {
    const { fixture, id } = await prepare(t, "on");
    await tasksOf(fixture).add(id, task("a"), t.signal);
    fixture.fake.faults.update = refuse(Code.Internal);
    await rejects(tasksOf(fixture).add(id, task("b"), t.signal), { code: Code.Internal });
    await rejects(tasksOf(fixture).remove(id, "a", t.signal), { code: Code.Internal });
    fixture.fake.faults = {};
    await tasksOf(fixture).remove(id, "a", t.signal);
    await tasksOf(fixture).remove(id, "b", t.signal);
    deepEqual(sent(fixture), ["a", "a b", "", ""]);
  });

  for (const code of [Code.Unimplemented, Code.InvalidArgument]) {
    test(`is given up for good when the sandboxer does not know it, code ${code}`, async (t) => {
      const { fixture, id } = await prepare(t);
      fixture.fake.faults.update = refuse(code);
      const tasks = tasksOf(fixture);
      await tasks.add(id, task("a"), t.signal);
      equal(fixture.controller.describe().tasksByUpdate, "no");
      const asked = fixture.fake.requests("update").length;
      await tasks.add(id, task("b"), t.signal);
      await tasks.addProcess(id, "b", exec, t.signal);
      await tasks.removeProcess(id, "b", "e1", t.signal);
      await tasks.remove(id, "b", t.signal);
      equal(fixture.fake.requests("update").length, asked);
      await fixture.restart();
      await tasksOf(fixture).addProcess(id, "b", exec, t.signal);
      equal(fixture.controller.describe().tasksByUpdate, "no");
    });
  }

  test("is given up once where several sandboxes, and several tasks of one, find out at the same time", async (t) => {
    const { fixture, id } = await prepare(t);
    const { id: other } = await fixture.started(t.signal);
    const held = Promise.withResolvers<void>();
    fixture.fake.faults.update = async () => {
      if (fixture.fake.requests("update").length === 2) held.resolve();
      await held.promise;
      return await refuse(Code.Unimplemented)();
    };
    const tasks = tasksOf(fixture);
    await Promise.all([
      tasks.add(id, task("a"), t.signal),
      tasks.add(id, task("b"), t.signal),
      tasks.add(other, task("c"), t.signal),
    ]);
    equal(fixture.fake.requests("update").length, 2);
    equal(fixture.controller.describe().tasksByUpdate, "no");
  });

  test("is not given up for a task that is refused", async (t) => {
    const { fixture, id } = await prepare(t);
    fixture.fake.faults.update = ({ sandbox }, next) =>
      Buffer.from(sandbox?.extensions["tasks"]?.value ?? []).includes("bad") ? refuse(Code.InvalidArgument)() : next();
    await rejects(tasksOf(fixture).add(id, task("bad"), t.signal), { code: Code.InvalidArgument });
    equal(fixture.controller.describe().tasksByUpdate, "yes");
    await tasksOf(fixture).add(id, task("good"), t.signal);
    equal(sent(fixture).at(-1), "good");
  });

  test("on stays on, and off has no hook at all", async (t) => {
    const { fixture, id } = await prepare(t, "on");
    fixture.fake.faults.update = refuse(Code.Unimplemented);
    await rejects(tasksOf(fixture).add(id, task("a"), t.signal), { code: Code.Unimplemented });
    await tasksOf(fixture).remove(id, "a", t.signal);
    const { fixture: quiet } = await prepare(t, "off");
    equal(quiet.controller.tasks, undefined);
    equal(quiet.controller.describe().tasksByUpdate, "no");
  });

  test("that is torn is never sent, but its tasks can go", async (t) => {
    const { fixture, id } = await prepare(t);
    await tasksOf(fixture).add(id, task("a"), t.signal);
    await writeFile(join(fixture.dir, "sandboxes", id, "sandboxer.json"), '{"version":1,');
    await fixture.restart();
    await rejects(tasksOf(fixture).add(id, task("b"), t.signal), { code: Code.DataLoss });
    await tasksOf(fixture).remove(id, "a", t.signal);
    deepEqual(sent(fixture), ["a"]);
  });

  test("is not told of when the sandbox has ended, or is unknown there", async (t) => {
    const { fixture, id } = await prepare(t);
    await tasksOf(fixture).add(id, task("a"), t.signal);
    await tasksOf(fixture).add(id, task("b"), t.signal);
    fixture.fake.faults.update = refuse(Code.NotFound);
    await tasksOf(fixture).remove(id, "a", t.signal);
    fixture.fake.faults.update = refuse(Code.Internal);
    await fixture.controller.stop(id, { graceMs: 0 }, t.signal);
    await tasksOf(fixture).remove(id, "b", t.signal);
  });
});

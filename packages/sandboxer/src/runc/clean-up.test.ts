import { deepEqual, equal, rejects } from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { create } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import { addToCgroup, createCgroup, spawnProcess } from "@crib/linux";
import { CreateTaskRequestSchema } from "@crib/wire/task";

import { cleanUpRuncTask } from "./clean-up.ts";
import { createRuncTasks } from "./create-runc-tasks.ts";
import { findBinary } from "./runtime/find-binary.ts";
import { taskDirectory, writeTaskRecord } from "./tasks/task-record.ts";
import { needsRunc } from "./testing/needs-runc.ts";
import { RuncFixture } from "./testing/runc-fixture.ts";

test("what a service has left is removed by another, as often as one likes", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const pid = await runc.run("a");
  await runc.create("b");
  await runc.tasks[Symbol.asyncDispose]();
  const again = createRuncTasks(runc.options);
  equal(again.size, 0);
  deepEqual(await cleanUpRuncTask(runc.options, "a"), { pid });
  deepEqual(await cleanUpRuncTask(runc.options, "a"), { pid: 0 });
  await cleanUpRuncTask(runc.options, "b");
  await cleanUpRuncTask(runc.options, "never");
  await rejects(cleanUpRuncTask(runc.options, "../a"), { code: Code.InvalidArgument });
  deepEqual(await runc.leftovers(), []);
});

/** A runtime that does what the script says before and after each `create`, and has long enough for all else. */
function hangingRuntime(t: TestContext, before: string, after: string): RuncFixture {
  const script = join("/tmp", `crib-runc-hangs-${process.pid}-${Math.random()}`);
  const runc = RuncFixture.open(t, { binary: script, callTimeoutMs: 3_000 });
  const body = `case "$*" in *" create "*) ${before};; esac
    ${findBinary("runc")} "$@"; status=$?
    case "$*" in *" create "*) ${after};; esac
    exit $status`;
  writeFileSync(script, `#!/bin/sh\n${body}\n`);
  chmodSync(script, 0o755);
  t.after(() => rmSync(script));
  return runc;
}

test("a runtime that hangs is killed with what it has started, and nothing stays", needsRunc, async (t) => {
  for (const [before, after] of [
    ["sleep 1000", ":"],
    [":", "sleep 1000"],
  ] as const) {
    const runc = hangingRuntime(t, before, after);
    await rejects(runc.create("a"), { code: Code.DeadlineExceeded });
    equal(runc.tasks.size, 0);
    deepEqual(await runc.leftovers(), []);
    deepEqual(children(), []);
  }
});

test("a caller that goes takes its creation with it", needsRunc, async (t) => {
  const runc = hangingRuntime(t, "sleep 1000", ":");
  const gone = new AbortController();
  const { path } = runc.bundle("a");
  const creating = runc.tasks.create(create(CreateTaskRequestSchema, { id: "a", bundle: path }), {
    signal: gone.signal,
  });
  setTimeout(() => gone.abort(), 50);
  await rejects(creating, { code: Code.Canceled });
  deepEqual(await runc.leftovers(), []);
});

test("a killed runtime's half-made container goes with its cgroup", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const cgroup = `${runc.cgroup}/a`;
  await createCgroup(cgroup);
  const directory = taskDirectory(runc.options, "a");
  mkdirSync(directory, { recursive: true });
  const { root } = runc.options;
  const record = { bundle: runc.bundle("a").path, binary: findBinary("runc"), root, systemdCgroup: false };
  writeTaskRecord(directory, { ...record, mountsRootfs: true, cgroupsPath: cgroup, pid: 0 });
  const child = spawnProcess({ path: "/bin/sleep", args: ["1000"], env: {} });
  await addToCgroup(cgroup, child.pid);
  await cleanUpRuncTask(runc.options, "a");
  equal((await child.exit).signal, "SIGKILL");
  deepEqual(await runc.leftovers(), []);
});

function children(): readonly string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, "latin1").split(" ").filter(Boolean);
}

import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { startSleeper } from "../testing/sleeper.ts";
import { until } from "../testing/until.ts";
import { findProcessesByEnv, type FoundProcess } from "./find-processes.ts";
import { processIdentity } from "./process-stat.ts";

test("processes are found by an inherited variable, with what it takes to signal them", async (t) => {
  const name = `CRIB_TEST_${process.pid}`;
  const env = { [name]: "pod-1", [`${name}_ROLE`]: "cni=a", OTHER: name };
  const { pid } = await startSleeper(t, { env, command: "sleep 60 & exec sleep 61" });
  const { pid: second } = await startSleeper(t, { env: { [name]: "pod-2" } });
  await startSleeper(t, { env: { [`${name}_ROLE`]: "pod-1", OTHER: `${name}=pod-1` } });
  // The shells become sleeps soon after their start.
  let found: readonly FoundProcess[] = [];
  await until("three sleeps run", async () => {
    found = await findProcessesByEnv(name);
    return found.length === 3 && found.every(({ comm }) => comm === "sleep");
  });
  const leader = found.find((process) => process.pid === pid);
  deepEqual(leader?.cmdline, ["sleep", "61"]);
  deepEqual({ ...leader.env }, { [name]: "pod-1", [`${name}_ROLE`]: "cni=a" });
  equal(leader.ppid, process.pid);
  equal(leader.pgid, pid);
  equal(leader.startTime, processIdentity(pid)?.startTime);
  ok(found.some(({ ppid, cmdline }) => ppid === pid && cmdline[1] === "60"));
  deepEqual(
    (await findProcessesByEnv(name, "pod-2")).map((process) => process.pid),
    [second],
  );
  deepEqual(await findProcessesByEnv(name, "pod"), []);
});

test("processes that vanish during the scan do not fail it", async (t) => {
  const name = `CRIB_TEST_FORK_${process.pid}`;
  await startSleeper(t, { env: { [name]: "1" }, command: "while :; do true | true; sleep 0.001; done" });
  for (let round = 0; round < 5; round += 1) ok((await findProcessesByEnv(name)).length > 0);
});

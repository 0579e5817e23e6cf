import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { processIdentity } from "../processes/process-stat.ts";
import { isProcessAlive } from "../processes/wait-process-gone.ts";
import { temporaryCgroup } from "../testing/cgroup.ts";
import { needsRoot } from "../testing/host.ts";
import { startSleeper } from "../testing/sleeper.ts";
import { until } from "../testing/until.ts";
import { cgroupDirectories, cgroupDirectory, findHierarchy } from "./cgroup-path.ts";
import { addToCgroup, cgroupProcesses } from "./cgroup-processes.ts";
import { cgroupExists, listCgroups } from "./cgroup-tree.ts";
import { createCgroup } from "./create-cgroup.ts";
import { killCgroup } from "./kill-cgroup.ts";
import { cgroupLayout } from "./layout.ts";
import { removeCgroup } from "./remove-cgroup.ts";

test("a cgroup is made in every tree, found by name and removed with what is below it", needsRoot, async (t) => {
  const parent = temporaryCgroup(t);
  const path = `${parent}/crib-abc`;
  equal(await cgroupExists(path), false);
  await createCgroup(path);
  await createCgroup(path);
  const directories = cgroupDirectories(path);
  equal(directories.length, cgroupLayout().hierarchies.length);
  for (const directory of directories) ok(readdirSync(directory).includes("cgroup.procs"), directory);
  for (const directory of directories) mkdirSync(`${directory}/crib-inner`);
  deepEqual(
    (await listCgroups("crib-")).filter((found) => found.startsWith(parent)),
    // The parent's own name begins so too, and stands for all below it.
    [parent],
  );
  deepEqual(await listCgroups("crib-abc"), [path]);
  await removeCgroup(path);
  await removeCgroup(path);
  equal(await cgroupExists(path), false);
  equal(await cgroupExists(parent), true);
});

test("a cgroup takes a process in every tree and is not removed under it", needsRoot, async (t) => {
  const path = temporaryCgroup(t);
  const inner = `${path}/inner`;
  await createCgroup(inner);
  const { pid } = await startSleeper(t);
  await addToCgroup(inner, pid);
  await addToCgroup(inner, pid);
  for (const line of readFileSync(`/proc/${pid}/cgroup`, "latin1").trim().split("\n")) {
    ok(line.endsWith(`:${inner}`), line);
  }
  deepEqual(await cgroupProcesses(path), [pid]);
  await rejects(removeCgroup(path, { timeoutMs: 20 }), {
    code: Code.FailedPrecondition,
    message: new RegExp(`processes ${pid}$`),
  });
  await rejects(addToCgroup(inner, 4_194_305), { code: Code.NotFound });
  await rejects(addToCgroup(`${path}/none`, pid), { code: Code.NotFound });
});

test("killing a cgroup ends everything in it and nothing else", needsRoot, async (t) => {
  const path = temporaryCgroup(t);
  await createCgroup(`${path}/inner`);
  const { pid: stranger } = await startSleeper(t);
  // It joins by itself before its first fork, then forks without end.
  const join = cgroupDirectories(`${path}/inner`).map((directory) => `echo $$ > '${directory}/cgroup.procs'`);
  const { pid } = await startSleeper(t, {
    command: `${join.join("; ")}; while :; do sleep 60 & sleep 0.002; done`,
  });
  await until("the cgroup fills", async () => (await cgroupProcesses(path)).length >= 5);
  await killCgroup(path, { timeoutMs: 60_000 });
  deepEqual(await cgroupProcesses(path), []);
  const alive = processIdentity(stranger);
  ok(alive !== undefined && isProcessAlive(alive));
  const ended = processIdentity(pid);
  ok(ended === undefined || !isProcessAlive(ended));
  await killCgroup(path, { timeoutMs: 0 });
  await killCgroup(`${path}/none`, { timeoutMs: 0 });
  await removeCgroup(path);
});

test("a paused container does not outlive its pod's cgroup", needsRoot, async (t) => {
  const freezer = findHierarchy("freezer");
  if (freezer === undefined) return t.skip("needs the freezer of version 1");
  const path = temporaryCgroup(t);
  await createCgroup(`${path}/inner`);
  const { pid } = await startSleeper(t);
  await addToCgroup(`${path}/inner`, pid);
  const state = `${cgroupDirectory(freezer, `${path}/inner`)}/freezer.state`;
  await writeFile(state, "FROZEN");
  await until("it is frozen", () => readFileSync(state, "latin1").trim() === "FROZEN");
  await killCgroup(path, { timeoutMs: 60_000 });
  await removeCgroup(path);
});

test("a cgroup that holds this very process is not killed", needsRoot, async (t) => {
  const path = temporaryCgroup(t);
  await createCgroup(path);
  const own = readFileSync("/proc/self/cgroup", "latin1").trim().split("\n");
  await addToCgroup(path, process.pid);
  try {
    await rejects(killCgroup(path, { timeoutMs: 10 }), { code: Code.FailedPrecondition, message: /this process/ });
  } finally {
    await leaveTo(own);
  }
  deepEqual(readFileSync("/proc/self/cgroup", "latin1").trim().split("\n"), own);
});

/** Puts this process back where the lines of /proc/self/cgroup say it was. */
async function leaveTo(lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    const [, names = "", path = "/"] = line.split(":");
    const tree = cgroupLayout().hierarchies.find(({ controllers, unified }) =>
      names === "" ? unified : !unified && controllers.join(",") === names,
    );
    if (tree !== undefined) await writeFile(`${tree.mountPoint}${path}/cgroup.procs`, String(process.pid));
  }
}

test("paths that lead elsewhere are refused everywhere", async () => {
  for (const path of ["/", "", "crib", "/crib/..", "/crib/../..", "/./crib", "//crib", "/crib/", "/a\0b", "/a\nb"]) {
    const expected = { code: Code.InvalidArgument };
    await rejects(createCgroup(path), expected, path);
    await rejects(removeCgroup(path), expected, path);
    await rejects(killCgroup(path, { timeoutMs: 0 }), expected, path);
    await rejects(cgroupProcesses(path), expected, path);
    await rejects(addToCgroup(path, process.pid), expected, path);
  }
});

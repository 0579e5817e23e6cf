import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { readFile, readlink, stat } from "node:fs/promises";
import { test, type TestContext } from "node:test";

import type { Sandbox } from "@crib/sandboxer";

import { allowedOomScoreAdj } from "./oom-score.ts";
import { needsShim } from "./testing/needs-shim.ts";
import { PodsandboxFixture } from "./testing/podsandbox-fixture.ts";

async function pauseOf(t: TestContext, change: Partial<Sandbox>): Promise<{ sandbox: Sandbox; pid: number }> {
  const fixture = await PodsandboxFixture.make({ pause: "always" });
  t.after(() => fixture[Symbol.asyncDispose]());
  const sandbox = await fixture.sandbox(change);
  await fixture.controller.create(sandbox, t.signal);
  const { process } = await fixture.controller.start(sandbox.id, t.signal);
  return { sandbox, pid: process?.pid ?? 0 };
}

/** The number of a namespace, by a process or by a pinned path. */
async function inodeOf(path: string): Promise<string> {
  return path.startsWith("/proc/")
    ? ((await readlink(path)).match(/[0-9]+/)?.[0] ?? "")
    : String((await stat(path)).ino);
}

async function statusOf(pid: number): Promise<Record<string, string>> {
  const lines = (await readFile(`/proc/${pid}/status`, "utf8")).trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2) as [string, string]));
}

test(
  "a pause process lives in the pinned namespaces, in the pod's cgroup, and may do nothing",
  needsShim,
  async (t) => {
    const { sandbox, pid } = await pauseOf(t, { pidMode: "pod" });
    const { namespaces } = sandbox;
    equal(await inodeOf(`/proc/${pid}/ns/net`), await inodeOf(namespaces.net ?? ""));
    equal(await inodeOf(`/proc/${pid}/ns/ipc`), await inodeOf(namespaces.ipc ?? ""));
    equal(await inodeOf(`/proc/${pid}/ns/uts`), await inodeOf(namespaces.uts ?? ""));
    notEqual(await inodeOf(`/proc/${pid}/ns/pid`), await inodeOf("/proc/self/ns/pid"));
    notEqual(await inodeOf(`/proc/${pid}/ns/mnt`), await inodeOf("/proc/self/ns/mnt"));
    const status = await statusOf(pid);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) equal(status[set], "0000000000000000", set);
    equal(status["NoNewPrivs"], "1");
    ok(status["Uid"]?.startsWith("65535"));
    ok((await readFile(`/proc/${pid}/cgroup`, "utf8")).includes(sandbox.cgroupPath));
    equal(Number(await readFile(`/proc/${pid}/oom_score_adj`, "utf8")), await allowedOomScoreAdj(-998));
    const environ = await readFile(`/proc/${pid}/environ`, "latin1");
    equal(environ.includes("CRIB_"), false, "the marks of the daemon's own processes reach no container");
  },
);

test("a pause in the host's namespaces stays there", needsShim, async (t) => {
  const { pid } = await pauseOf(t, { pidMode: "node", hostNetwork: true, hostIpc: true, namespaces: {} });
  for (const kind of ["net", "ipc", "uts", "pid"]) {
    equal(await inodeOf(`/proc/${pid}/ns/${kind}`), await inodeOf(`/proc/self/ns/${kind}`), kind);
  }
});

test("a pause joins a pinned user namespace", needsShim, async (t) => {
  const fixture = await PodsandboxFixture.make({ pause: "always" });
  t.after(() => fixture[Symbol.asyncDispose]());
  const mappings = [{ containerId: 0, hostId: 200_000, length: 65_536 }];
  const sandbox = await fixture.sandbox({ uidMappings: mappings, gidMappings: mappings });
  await fixture.controller.create(sandbox, t.signal);
  const { process } = await fixture.controller.start(sandbox.id, t.signal);
  const status = await statusOf(process?.pid ?? 0);
  deepEqual(status["Uid"]?.split("\t")[0], String(200_000 + 65_535));
  equal(await inodeOf(`/proc/${process?.pid}/ns/user`), await inodeOf(sandbox.namespaces.user ?? ""));
  await fixture.controller.stop(sandbox.id, { graceMs: 0 }, t.signal);
  await fixture.controller.shutdown(sandbox.id, t.signal);
  deepEqual(await fixture.leftovers(sandbox), []);
});

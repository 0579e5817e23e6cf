import { equal } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

import { addToCgroup, createCgroup, removeCgroup } from "@crib/linux";
import type { TaskEndpoint } from "@crib/sandboxer";

import { identityOf } from "./process-identity.ts";
import { taskProcess } from "./task-process.ts";

const needsRoot = { skip: process.getuid?.() === 0 ? false : "needs root to make cgroups" };
const host: TaskEndpoint = { protocol: "ttrpc", address: "unix:///run/task.sock", version: 3 };

test(
  "a process of this host counts only in its container's cgroup, and never one of a machine",
  needsRoot,
  async (t) => {
    const id = "0badcafe".repeat(8);
    const cgroup = `/crib-test-${process.pid}/crib-${id}`;
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    const pid = child.pid ?? 0;
    t.after(async () => {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      await removeCgroup(cgroup);
      await removeCgroup(`/crib-test-${process.pid}`);
    });
    equal(taskProcess({ endpoint: host }, pid, id), undefined);
    await createCgroup(cgroup);
    await addToCgroup(cgroup, pid);
    equal(taskProcess({ endpoint: host }, pid, id)?.startTime, identityOf(pid)?.startTime);
    equal(taskProcess({ endpoint: host }, pid, id.slice(1)), undefined);
    equal(taskProcess({ endpoint: { ...host, hostPids: false } }, pid, id), undefined);
    for (const address of ["vsock://3:1024", "ttrpc+hvsock:///run/vm.sock:1024"]) {
      equal(taskProcess({ endpoint: { ...host, address } }, pid, id), undefined);
    }
    for (const none of [0, -1, 2 ** 22]) equal(taskProcess({ endpoint: host }, none, id), undefined);
  },
);

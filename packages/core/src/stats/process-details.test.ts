import { equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

import { addToCgroup, createCgroup, removeCgroup } from "@crib/linux";

import { processDetails } from "./process-details.ts";

test("descriptors and sockets of the processes in a cgroup are counted", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root, to make a cgroup");
  const cgroup = `/crib-test-processes-${process.pid}`;
  // Its standard input and output are sockets of Node's.
  const child = spawn("sleep", ["60"], { stdio: ["pipe", "pipe", "ignore"] });
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
    await removeCgroup(cgroup);
  });
  await createCgroup(cgroup);
  const pid = child.pid ?? 0;
  await addToCgroup(cgroup, pid);
  const details = await processDetails(cgroup, pid);
  equal(details.count, 1n);
  ok((details.fileDescriptors ?? 0n) >= 3n);
  equal(details.sockets, 2n);
  ok((details.openFilesLimit ?? 0n) > 0n);
  equal((await processDetails(cgroup, process.pid)).openFilesLimit, undefined);
});

test("a cgroup without processes, or none at all, has nothing open", async () => {
  const details = await processDetails("/crib-test-missing", undefined);
  equal(details.count, 0n);
  equal(details.fileDescriptors, 0n);
  equal(details.openFilesLimit, undefined);
});

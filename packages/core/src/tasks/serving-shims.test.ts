import { deepEqual, equal } from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { servingShims } from "./serving-shims.ts";
import { shimMarker } from "./shim-processes.ts";
import { findShimServer } from "./shim-server.ts";

const serve = `require("net").createServer().listen(process.argv[1], () => console.log("listening"))`;

async function listener(
  t: TestContext,
  socket: string,
  marker: string,
): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn(process.execPath, ["-e", serve, socket], {
    env: { PATH: process.env["PATH"], [shimMarker]: marker },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child as ChildProcess & { readonly pid: number };
}

test("a server is one that listens or has a shim's name; start and delete are none", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-serving-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const { pid } = await listener(t, join(dir, "s"), "me/t1");
  const other = 0x7fff_fff0;
  const found = await servingShims([
    { pid, cmdline: ["node", "shim.ts"] },
    { pid: other, cmdline: ["/usr/bin/containerd-shim-runc-v2", "-id", "t1"] },
    { pid: other + 1, cmdline: ["/usr/bin/containerd-shim-runc-v2", "-id", "t1", "start"] },
    { pid: process.pid, cmdline: ["runc", "create", "t1"] },
  ]);
  deepEqual(found, new Set([pid, other]));
});

test("the process of a shim is the marked one that listens where it said", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-serving-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const at = (name: string) => ({ protocol: "ttrpc", address: `unix://${join(dir, name)}`, version: 3 }) as const;
  const { pid } = await listener(t, join(dir, "s"), `${dir}/t1`);
  equal((await findShimServer("t1", dir, at("s")))?.pid, pid);
  equal((await findShimServer("t1", dir, at("moved")))?.pid, pid, "its socket may have been moved");
  equal(await findShimServer("t2", dir, at("s")), undefined, "another's server is nobody's to signal");
  equal(await findShimServer("t1", "/elsewhere", at("s")), undefined);
  await listener(t, join(dir, "s2"), `${dir}/t1`);
  equal((await findShimServer("t1", dir, at("s")))?.pid, pid);
  equal(await findShimServer("t1", dir, at("moved")), undefined, "of two it is not certain");
});

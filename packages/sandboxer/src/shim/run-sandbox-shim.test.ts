import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";

import { fromBinary } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import { processIdentity, waitProcessGone } from "@crib/linux";
import { connectTtrpc, type TtrpcClient } from "@crib/ttrpc";
import { Sandbox } from "@crib/wire/sandbox";
import { DeleteResponseSchema, TaskV2, TaskV3 } from "@crib/wire/task";

const program = join(import.meta.dirname, "../testing/memory-shim.ts");
const { method } = Sandbox;

interface Scene {
  readonly dir: string;
  readonly run: (
    id: string,
    ...words: readonly string[]
  ) => Promise<{ readonly code: unknown; readonly out: string; readonly err: string }>;
  /** Starts a shim that is gone after the test. */
  readonly start: (
    id: string,
  ) => Promise<{ readonly client: TtrpcClient; readonly pid: number; readonly path: string }>;
}

async function openScene(t: TestContext): Promise<Scene> {
  const dir = await mkdtemp(join(tmpdir(), "crib-ms-"));
  const pids: number[] = [];
  t.after(async () => {
    for (const pid of pids) if (processIdentity(pid) !== undefined) process.kill(pid, "SIGKILL");
    await rm(dir, { recursive: true, force: true });
  });
  const run: Scene["run"] = async (id, ...words) => {
    const bundle = join(dir, "bundles", id);
    await mkdir(bundle, { recursive: true });
    const flags = [
      "-namespace",
      "k8s.io",
      "-address",
      join(dir, "crib.sock"),
      "-publish-binary",
      "/bin/true",
      "-id",
      id,
    ];
    const child = spawn(process.execPath, [program, ...flags, ...words], {
      cwd: bundle,
      env: { ...process.env, MEMORY_SHIM_DIR: dir },
    });
    child.stdin.end();
    child.stdout.setEncoding("latin1");
    const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
    return { code, out, err };
  };
  return {
    dir,
    run,
    start: async (id) => {
      const { code, out, err } = await run(id, "start");
      equal(code, 0, err);
      const { version, address, protocol } = JSON.parse(out) as Readonly<Record<string, string | number>>;
      deepEqual([version, protocol], [3, "ttrpc"]);
      const path = String(address).replace("unix://", "");
      const client = await connectTtrpc({ path });
      const { shimPid: pid } = await client.unary(TaskV3.method.connect, { id });
      pids.push(pid);
      return { client, pid, path };
    },
  };
}

test("start makes one server for a pod, which ends with its sandbox and leaves nothing", async (t) => {
  const { start, dir, run } = await openScene(t);
  const { client, pid, path } = await start("a");
  equal((await stat(path)).mode & 0o777, 0o600);
  const again = await run("a", "start");
  match(again.out, new RegExp(path));
  equal((await client.unary(TaskV2.method.connect, { id: "a" })).shimPid, pid);
  await client.unary(method.createSandbox, { sandboxId: "a", netnsPath: "/n" });
  const { pid: boundary, spec } = await client.unary(method.startSandbox, { sandboxId: "a" });
  equal(boundary, 42);
  match(Buffer.from(spec?.value ?? []).toString(), /"\/ns\/ipc"/);
  equal((await client.unary(method.sandboxStatus, { sandboxId: "a" })).state, "SANDBOX_READY");
  equal((await client.unary(method.platform, { sandboxId: "a" })).platform?.architecture, "riscv64");
  await client.unary(method.pingSandbox, { sandboxId: "a" });
  equal((await client.unary(method.sandboxMetrics, { sandboxId: "a" })).metrics, undefined);
  // A container of the pod has gone; the pod has not.
  await client.unary(TaskV3.method.shutdown, { id: "a" });
  const wait = client.unary(method.waitSandbox, { sandboxId: "a" });
  await client.unary(method.stopSandbox, { sandboxId: "a" });
  equal((await wait).exitStatus, 137);
  const identity = processIdentity(pid);
  await client.unary(method.shutdownSandbox, { sandboxId: "a" });
  equal((await client.closed).code, Code.Unavailable);
  if (identity) await waitProcessGone(identity, { timeoutMs: 60_000 });
  deepEqual(await readdir(join(dir, "s")), []);
  deepEqual(await readdir(join(dir, "d")), []);
});

test("a shim without sandbox and tasks ends when it is told that it is not needed", async (t) => {
  const { start } = await openScene(t);
  const { client } = await start("a");
  await client.unary(TaskV3.method.shutdown, { id: "a" });
  equal((await client.closed).code, Code.Unavailable);
});

test("delete frees what a dead shim left, and may be repeated", async (t) => {
  const { start, run, dir } = await openScene(t);
  const { client, pid, path } = await start("a");
  process.kill(pid, "SIGKILL");
  await client.closed;
  ok(existsSync(path));
  for (let time = 1; time <= 2; time++) {
    const { code, out, err } = await run("a", "-bundle", join(dir, "bundles", "a"), "delete");
    equal(code, 0, err);
    const { exitStatus, exitedAt } = fromBinary(DeleteResponseSchema, Buffer.from(out, "latin1"));
    equal(exitStatus, 137);
    ok(exitedAt);
  }
  equal(await readFile(join(dir, "shut-down"), "utf8"), "a\na\n");
  equal(existsSync(path), false);
  deepEqual(await readdir(join(dir, "d")), []);
});

test("a container's bundle is its pod's: the same server, and its own task to delete", async (t) => {
  const { start, run, dir } = await openScene(t);
  const { path } = await start("a");
  const bundle = join(dir, "bundles", "c");
  await mkdir(bundle, { recursive: true });
  const annotations = { "io.kubernetes.cri.sandbox-id": "a" };
  await writeFile(join(bundle, "config.json"), JSON.stringify({ annotations }));
  match((await run("c", "start")).out, new RegExp(path));
  equal((await run("c", "delete")).code, 0);
  equal(await readFile(join(dir, "removed"), "utf8"), "c\n");
  equal(existsSync(join(dir, "shut-down")), false);
});

test("a failure is told in words, and what the program is too", async (t) => {
  const { run } = await openScene(t);
  const refused = await run("refused", "start");
  equal(refused.code, 1);
  match(refused.err, /starting the shim of "refused": no boundary for refused ones/);
  const wrong = await run("a", "fly");
  deepEqual([wrong.code, wrong.out], [1, ""]);
  match(wrong.err, /unknown command "fly"/);
  match((await run("a", "-v")).out, /Version: {2}1\.2\.3/);
  match((await run("a", "-info")).out, /io\.containerd\.memory\.v1/);
});

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Code } from "@crib/errdefs";
import { findProcessesByEnv } from "@crib/linux";

import { shimMarker } from "./shim-processes.ts";
import { fakeShim } from "./testing/fake-shim.ts";

/** Processes that the daemon of this directory has started for a shim and that still run. */
const strays = async (dir: string, id = "t1"): Promise<number> =>
  (await findProcessesByEnv(shimMarker, `${dir}/${id}`)).length;

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

/** Starts a program of its own, says so, and hangs. */
const forks = "setsid sleep 60 </dev/null >/dev/null 2>&1 & touch forked; sleep 60";

async function hasForked(dir: string): Promise<void> {
  for (let tries = 0; tries < 6_000 && !(await exists(join(dir, "tasks/t1/forked"))); tries += 1) await sleep(10);
}

suite("shims", { concurrency: 4 }, () => {
  for (const [what, starts, code, message] of [
    ["says nothing", "exit 0", Code.FailedPrecondition, /empty/],
    ["fails with words", "echo 'no such runtime' >&2; exit 7", Code.FailedPrecondition, /exit code 7: no such runtime/],
    ["prints garbage", "echo 'panic: everything'", Code.FailedPrecondition, /panic: everything/],
    ["is from the future", `echo '{"version":9,"address":"unix:///x"}'`, Code.FailedPrecondition, /version 9/],
    ["floods", "head -c 1000000 /dev/zero; sleep 60", Code.ResourceExhausted, /bytes of output/],
    ["hangs before its fork", "sleep 60", Code.DeadlineExceeded, /600 ms/],
    ["hangs after its fork", "setsid sleep 60 </dev/null >/dev/null 2>&1 & sleep 60", Code.DeadlineExceeded, /600 ms/],
    [
      "dies after its fork",
      "setsid sleep 60 </dev/null >/dev/null 2>&1 & kill -9 $$",
      Code.FailedPrecondition,
      /signal/,
    ],
    ["names a socket that is not there", "echo unix:///nonexistent/socket", Code.NotFound, /nobody listens/],
    ["is in a machine", `echo '{"version":3,"address":"vsock://3:1024"}'`, Code.FailedPrecondition, /not on this host/],
  ] as const) {
    test(`a shim that ${what} fails its start and leaves nothing`, async (t) => {
      const limit = code === Code.DeadlineExceeded ? { start: 600 } : {};
      const { dir, shims, request } = await fakeShim(t, starts, "exit 0", limit);
      await rejects(shims.start(request(), t.signal), { code, message });
      deepEqual(await shims.list(), []);
      equal(await strays(dir), 0);
      await rejects(shims.open("t1", t.signal), { code: Code.NotFound });
      await shims.remove("t1", t.signal);
    });
  }

  test("a shim whose socket nobody reads is given up at the deadline", async (t) => {
    const serve = `"${process.execPath}" -e 'require("net").createServer().listen(process.argv[1])' "$BUNDLE/s"`;
    const { dir, shims, request } = await fakeShim(
      t,
      `setsid ${serve} </dev/null >/dev/null 2>&1 & while [ ! -S "$BUNDLE/s" ]; do sleep 0.05; done; echo "unix://$BUNDLE/s"`,
      "exit 0",
      { connect: 500 },
    );
    await rejects(shims.start(request(), t.signal), { code: Code.DeadlineExceeded });
    deepEqual(await shims.list(), []);
    equal(await strays(dir), 0);
  });

  test("an abort ends the start, what it had forked included", async (t) => {
    const { dir, shims, request } = await fakeShim(t, forks);
    const late = new AbortController();
    const starting = rejects(shims.start(request(), late.signal), { code: Code.DeadlineExceeded });
    await hasForked(dir);
    late.abort(new DOMException("it took too long", "TimeoutError"));
    await starting;
    equal(await strays(dir), 0);
    deepEqual(await shims.list(), []);
  });

  test("removal waits for the start under way, and leaves nothing", async (t) => {
    const { dir, shims, request } = await fakeShim(t, forks);
    const late = new AbortController();
    let isStarting = true;
    const starting = rejects(shims.start(request(), late.signal), { code: Code.DeadlineExceeded });
    const started = starting.then(() => (isStarting = false));
    await hasForked(dir);
    const removed = shims.remove("t1", t.signal).then(() => equal(isStarting, false));
    late.abort(new DOMException("it took too long", "TimeoutError"));
    await Promise.all([started, removed]);
    equal(await strays(dir), 0);
  });

  test("delete is called with the bundle; one that hangs keeps it for the next try", async (t) => {
    const starts = "setsid sleep 60 </dev/null >/dev/null 2>&1 & sleep 60";
    const deletes = `echo "$ID $BUNDLE" >> ../../deleted; [ -e ../../freed ] && exit 0; setsid sleep 60 & sleep 60`;
    // What `delete` does before it hangs is to be done in time.
    const { dir, shims, request } = await fakeShim(t, starts, deletes, { start: 600, delete: 1_500 });
    const call = `t1 ${dir}/tasks/t1\n`;
    await rejects(shims.start(request(), t.signal), { code: Code.DeadlineExceeded, message: /starting the shim/ });
    equal(await readFile(join(dir, "deleted"), "utf8"), call);
    equal(await strays(dir), 0);
    deepEqual(await shims.list(), ["t1"]);

    const removing = shims.remove("t1", t.signal);
    await rejects(removing, { code: Code.DeadlineExceeded, message: /of "t1" left \(try 2 of 5\).* 3000 ms/ });
    equal(await strays(dir), 0);

    await writeFile(join(dir, "freed"), "");
    await shims.remove("t1", t.signal);
    equal(await readFile(join(dir, "deleted"), "utf8"), call.repeat(3));
    deepEqual(await shims.list(), []);
  });

  test("a delete that always fails does not keep the bundle for ever", async (t) => {
    const { dir, shims, request } = await fakeShim(t, "exit 1", `echo x >> ../../deleted; echo gone >&2; exit 3`);
    await rejects(shims.start(request(), t.signal), { code: Code.FailedPrecondition });
    for (let tries = 2; tries < 5; tries += 1) {
      await rejects(shims.remove("t1", t.signal), { code: Code.FailedPrecondition, message: /exit code 3: gone/ });
      deepEqual(await shims.list(), ["t1"]);
    }
    await shims.remove("t1", t.signal);
    equal(await readFile(join(dir, "deleted"), "utf8"), "x\n".repeat(5));
    deepEqual(await shims.list(), []);
  });

  test("the stock runc shim's delete may fail: crib removes what it leaves", async (t) => {
    const { shims, request } = await fakeShim(t, "exit 1", "exit 3");
    const runc = { ...request(), runtimeType: "io.containerd.runc.v2" };
    await rejects(shims.start(runc, t.signal), { code: Code.FailedPrecondition });
    deepEqual(await shims.list(), []);
  });

  test("a start that its daemon did not survive is found and ended by the next", async (t) => {
    const { dir, shims, request } = await fakeShim(t, forks);
    const script = `
    import { createShims } from ${JSON.stringify(join(import.meta.dirname, "shims.ts"))};
    const shims = createShims({ stateDir: ${JSON.stringify(dir)}, eventsAddress: "/none", instance: ${JSON.stringify(dir)},
      shimCgroup: "", log: () => undefined });
    await shims.start(${JSON.stringify(request())}, new AbortController().signal);`;
    const daemon = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
    await hasForked(dir);
    daemon.kill("SIGKILL");
    await once(daemon, "exit");
    ok((await strays(dir)) > 0);
    deepEqual(await shims.list(), ["t1"]);
    await shims.remove("t1", t.signal);
    equal(await strays(dir), 0);
    deepEqual(await shims.list(), []);
  });

  test("strays of another daemon with the same id are left alone", async (t) => {
    const { dir, shims } = await fakeShim(t, "exit 0");
    const other = spawn("/bin/sleep", ["60"], { env: { [shimMarker]: "/other/t1" }, stdio: "ignore" });
    t.after(() => other.kill("SIGKILL"));
    await mkdir(join(dir, "tasks/t1"), { recursive: true });
    await shims.remove("t1", t.signal);
    equal(other.exitCode, null);
    equal(other.signalCode, null);
    deepEqual(await readdir(join(dir, "tasks")), []);
  });

  test("the shim gets PATH, its own variables and no more of the daemon's environment", async (t) => {
    process.env["CRIB_TEST_SECRET"] = "x";
    t.after(() => delete process.env["CRIB_TEST_SECRET"]);
    const { dir, shims, request } = await fakeShim(t, "env > ../../env; umask >> ../../env; exit 1");
    await rejects(shims.start({ ...request(), env: { SCHED_CORE: "1" } }, t.signal), { code: Code.FailedPrecondition });
    const lines = (await readFile(join(dir, "env"), "utf8")).split("\n");
    const wanted = [
      `TTRPC_ADDRESS=${dir}/events.sock`,
      `GRPC_ADDRESS=${dir}/crib.sock`,
      "NAMESPACE=k8s.io",
      "SCHED_CORE=1",
    ];
    const marks = ["CRIB_ROW=t1", `CRIB_INSTANCE=${dir}`, "MAX_SHIM_VERSION=2", "0022"];
    for (const line of [...wanted, ...marks]) ok(lines.includes(line), line);
    equal(
      lines.some((line) => line.includes("SECRET")),
      false,
    );
  });

  test("a second start of the same id is AlreadyExists and keeps the first's bundle", async (t) => {
    const { dir, shims, request } = await fakeShim(t, "exit 0");
    await mkdir(join(dir, "tasks/t1"), { recursive: true });
    await writeFile(join(dir, "tasks/t1/canary"), "");
    await rejects(shims.start(request(), t.signal), { code: Code.AlreadyExists });
    ok(await exists(join(dir, "tasks/t1/canary")));
  });

  test("options the shim does not have, and a shim that is not there, are refused before anything is made", async (t) => {
    const { dir, shims, request } = await fakeShim(t, "exit 0");
    const runc = { ...request(), runtimeType: "io.containerd.runc.v2", options: { BinaryNmae: "crun" } };
    await rejects(shims.start(runc, t.signal), { code: Code.InvalidArgument, message: /"BinaryNmae"/ });
    await rejects(shims.start({ ...request(), runtimePath: "/none" }, t.signal), { code: Code.NotFound });
    await rejects(shims.start({ ...request(), id: "../t1" }, t.signal), { code: Code.InvalidArgument });
    equal(await exists(join(dir, "tasks")), false);
  });

  test("after close nothing is opened any more", async (t) => {
    const { shims } = await fakeShim(t, "exit 0");
    shims.close();
    await rejects(shims.open("t1", t.signal), { code: Code.Canceled });
  });
});

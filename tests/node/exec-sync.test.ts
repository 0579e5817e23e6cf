import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { startContainerNode } from "../support/containers/container-node.ts";
import type { Container } from "../support/containers/container.ts";
import { manyExecSyncs } from "../support/containers/many-exec-syncs.ts";
import { execDirs, processUse } from "../support/containers/process-use.ts";
import { eventually, pause } from "../support/eventually.ts";
import { watchPeakMemory } from "../support/images/peak-memory.ts";
import { needsRoot } from "../support/needs-root.ts";

const MiB = 2 ** 20;

/** Command lines of all processes of a container, as it sees them. */
async function processesOf(container: Container): Promise<string> {
  return await container.sh("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; true");
}

test("commands that run to their end in a container", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { node } = scene;
  const pod = await node.runPod();
  const container = await scene.runContainer(pod);
  t.beforeEach(() => scene.expectUnharmed());

  await t.test("give their outputs apart and their exit codes", async () => {
    deepEqual(await container.execSync(["sh", "-c", "echo out; echo err >&2; exit 42"]), {
      stdout: "out\n",
      stderr: "err\n",
      exitCode: 42,
    });
    equal((await container.execSync(["sh", "-c", "kill -9 $$"])).exitCode, 137);
    equal((await container.execSync(["true"])).exitCode, 0);
    // Nobody is there to write: reading ends at once.
    equal(await container.sh("cat; echo over"), "over\n");
    equal(await container.sh('printf "\\0\\377" | od -An -tx1'), " 00 ff\n");
  });

  await t.test("with a timeout end with it, and their children", async () => {
    const began = performance.now();
    await rejects(container.execSync(["sh", "-c", "sleep 4321; true"], 1), { code: Code.DeadlineExceeded });
    const took = performance.now() - began;
    // The program itself takes more than an hour, and a call of the test's client no more than a minute.
    ok(took >= 1_000 && took < 30_000, `${took} ms`);
    await eventually(10_000, async () => equal((await processesOf(container)).includes("sleep 4321"), false));
    await eventually(10_000, () => deepEqual(execDirs(node, container.id), []));
  });

  await t.test("are not held up by a child that keeps their output open", async () => {
    // Within the time that an ExecSync of these tests has, which is shorter than the child's.
    const said = await container.sh("sleep 4322 & echo said; sleep 4323 >/dev/null 2>&1 &");
    equal(said, "said\n");
    match(await processesOf(container), /sleep 4322.*sleep 4323/s);
    await container.sh("kill $(pidof sleep); true");
  });

  await t.test("that are none, or have no container to run in, are refused", async () => {
    await rejects(container.execSync(["/no/such/program"]), /no\/such\/program/);
    await rejects(container.execSync([]), { code: Code.InvalidArgument });
    await rejects(container.execSync(["x".repeat(200_000)]), { code: Code.InvalidArgument });
    await rejects(node.cri.runtime.execSync({ containerId: "f".repeat(64), cmd: ["true"] }), { code: Code.NotFound });
    const created = await scene.createContainer(pod);
    await rejects(created.execSync(["true"]), { code: Code.FailedPrecondition });
    const over = await scene.runContainer(pod, { script: "exit 3" });
    await over.ended();
    await rejects(over.execSync(["true"]), { code: Code.FailedPrecondition });
    deepEqual([execDirs(node, created.id), execDirs(node, over.id)], [[], []]);
    await created.remove();
    await over.remove();
  });

  await t.test("that end with their container say so", async () => {
    const short = await scene.runContainer(pod);
    const running = short.execSync(["sleep", "600"], 300);
    const outcome = running.then(({ exitCode }) => exitCode);
    await eventually(10_000, async () => match(await processesOf(short), /sleep 600/));
    await short.stop(0);
    equal(await outcome, 137);
    deepEqual(execDirs(node, short.id), []);
    await short.remove();
  });

  // tests/soak has 10 GiB.
  await t.test("may write 256 MiB, of which 16 MiB are kept (CVE-2022-1708, CVE-2022-31030)", async (t) => {
    const memory = watchPeakMemory(node.daemon.pid);
    const { stdout, exitCode } = await container.execSync(["dd", "if=/dev/zero", "bs=1M", "count=256"], 3_000);
    equal(exitCode, 0);
    ok(stdout.length > 15 * MiB && stdout.length <= 16 * MiB, `${stdout.length} bytes`);
    t.diagnostic(`${Math.round(memory.growth())} MiB more at the peak`);
    ok(memory.growth() < 160, `${memory.growth()} MiB`);
  });

  await t.test("20 that write without end neither fill the daemon nor keep others from it", async (t) => {
    const before = processUse(node.daemon.pid).memory;
    const memory = watchPeakMemory(node.daemon.pid);
    const floods = Array.from({ length: 20 }, () =>
      rejects(container.execSync(["cat", "/dev/zero"], 4), { code: Code.DeadlineExceeded }),
    );
    const over = Promise.all(floods).then(() => "over");
    const waits: number[] = [];
    while ((await Promise.race([over, pause(100)])) !== "over") {
      const began = performance.now();
      await node.cri.runtime.version({});
      waits.push(performance.now() - began);
    }
    const growth = Math.round(memory.growth());
    t.diagnostic(
      `${growth} MiB more at the peak; Version: ${waits.length} answers, ${Math.round(Math.max(...waits))} ms`,
    );
    ok(waits.length > 1 && Math.max(...waits) < 5_000, `${waits.length}, ${Math.max(...waits)} ms`);
    // A budget of 64 MiB for what is kept, and what 40 pipes are read with.
    ok(growth < 192, `${growth} MiB`);
    await eventually(10_000, async () => equal((await processesOf(container)).includes("cat /dev/zero"), false));
    await eventually(10_000, () => deepEqual(execDirs(node, container.id), []));
    // What was kept of them is given back; what the heap grew by with the first that wrote much, above, stays.
    const after = await eventually(30_000, () => {
      const { memory: now } = processUse(node.daemon.pid);
      ok(now <= before * 1.1, `${before} MiB became ${now}`);
      return now;
    });
    t.diagnostic(`${before} MiB became ${after}`);
  });

  await t.test("leave nothing, however many they are", async (t) => {
    const told = await manyExecSyncs(node, container, Number(process.env["CRIB_SOAK_EXECS"] ?? 150));
    t.diagnostic(JSON.stringify(told));
    t.diagnostic(JSON.stringify(processUse(node.daemon.pid)));
  });
});

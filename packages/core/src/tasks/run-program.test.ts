import { equal, ok, rejects } from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Code } from "@crib/errdefs";

import { runProgram } from "./run-program.ts";

const shell = (script: string) => ({
  doing: "trying",
  argv: ["/bin/sh", "-c", script] as const,
  cwd: "/",
  env: { PATH: "/usr/bin:/bin" },
  deadlineMs: 60_000,
  limitBytes: 1024,
});

const isAlive = async (pid: number): Promise<boolean> => {
  try {
    return !/^State:\s*[ZX]/m.test(await readFile(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

test("input goes in, both outputs and the exit code come out, the environment is only what is given", async (t) => {
  const end = await runProgram(
    { ...shell('cat; echo "$HOME" >&2; echo "$MARK" >&2; exit 3'), env: { MARK: "x" }, stdin: Buffer.from("hi") },
    t.signal,
  );
  equal(end.exitCode, 3);
  equal(end.stdout.toString(), "hi");
  equal(end.stderr.toString(), "\nx\n");
});

test("the deadline kills the program together with its children", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-run-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  let pid = 0;
  // Longer each time, until the program got as far as to say its child.
  for (let deadlineMs = 150; pid === 0; deadlineMs *= 2) {
    const run = { ...shell("sleep 60 & echo $! > pid; wait"), cwd: dir, deadlineMs };
    await rejects(runProgram(run, t.signal), { code: Code.DeadlineExceeded, message: /^trying: / });
    pid = Number(await readFile(join(dir, "pid"), "utf8").catch(() => ""));
  }
  for (let tries = 0; tries < 6_000 && (await isAlive(pid)); tries += 1) await sleep(10);
  equal(await isAlive(pid), false);
});

test("an abort ends it with the code of the abort", async () => {
  await rejects(runProgram(shell("sleep 60"), AbortSignal.timeout(50)), { code: Code.DeadlineExceeded });
});

test("a flood of output is an error", async (t) => {
  await rejects(runProgram(shell("head -c 2000000 /dev/zero; sleep 60"), t.signal), { code: Code.ResourceExhausted });
});

test("a background child that keeps the pipes open does not hold the call", async (t) => {
  const started = performance.now();
  const end = await runProgram({ ...shell("sleep 100 & echo $!"), deadlineMs: 60_000 }, t.signal);
  process.kill(Number(end.stdout.toString()), "SIGKILL");
  ok(performance.now() - started < 60_000);
});

test("a program that is missing is NotFound", async (t) => {
  await rejects(runProgram({ ...shell(""), argv: ["/nonexistent"] }, t.signal), { code: Code.NotFound });
});

import { equal, ok, rejects } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";

import { countDescriptors } from "../testing/stdio-bench.ts";
import type { ExecStdio } from "../types.ts";
import { type ExecStdioRequest, openExecStdio } from "./open-exec-stdio.ts";

function request(t: TestContext, change: Partial<ExecStdioRequest> = {}): ExecStdioRequest {
  const directory = mkdtempSync(join(tmpdir(), "crib-exec-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return { dir: join(directory, "exec/1"), stdin: true, stdout: true, stderr: true, ...change };
}

async function run(command: string, { paths }: ExecStdio): Promise<void> {
  const child = spawn("sh", ["-c", `(${command}) <"${paths.stdin}" >"${paths.stdout}" 2>"${paths.stderr}"`]);
  await once(child, "exit");
}

test("a process reads and writes through the streams, and nothing stays", async (t) => {
  const before = countDescriptors();
  const stdio = await openExecStdio(request(t), t.signal);
  equal(statSync(stdio.paths.stdin).mode & 0o777, 0o600);
  const input = "x".repeat(300_000);
  // It comes before the process.
  stdio.stdin?.end(input);
  const { stdout, stderr } = stdio;
  ok(stdout !== undefined && stderr !== undefined);
  const [output, errors] = await Promise.all([text(stdout), text(stderr), run("cat; echo no >&2", stdio)]);
  equal(output, input);
  equal(errors, "no\n");
  await stdio.close();
  await stdio.close();
  ok(!existsSync(join(stdio.paths.stdin, "..")));
  equal(countDescriptors(), before);
});

test("input that the process does not read is thrown away", async (t) => {
  const stdio = await openExecStdio(request(t), t.signal);
  const { stdin } = stdio;
  ok(stdin !== undefined);
  stdio.stdout?.resume();
  stdio.stderr?.resume();
  const running = run("head -c 1 >/dev/null", stdio);
  for (let count = 0; count < 20; count += 1) {
    await new Promise<void>((resolve, reject) =>
      stdin.write(Buffer.alloc(65_536), (error) => (error ? reject(error) : resolve())),
    );
  }
  await running;
  await stdio.close();
});

test("a process that never comes holds up nothing", async (t) => {
  const before = countDescriptors();
  const leave = new AbortController();
  const stdio = await openExecStdio(request(t), leave.signal);
  stdio.stdin?.write("for nobody");
  leave.abort();
  ok(!existsSync(stdio.paths.stdout));
  await stdio.close();
  for (let tries = 0; tries < 6_000 && countDescriptors() !== before; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  equal(countDescriptors(), before);
  const some = await openExecStdio(request(t, { stdin: false, stderr: false }), t.signal);
  equal(some.paths.stdin, "");
  equal(some.stdin, undefined);
  await some.close();
});

test("an attempt that fails leaves nothing", async (t) => {
  await rejects(openExecStdio(request(t, { dir: "/dev/null/exec" }), t.signal));
});

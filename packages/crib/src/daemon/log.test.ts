import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { formatLine } from "./log-text.ts";
import { logTo } from "./log.ts";

const id = "0123456789abcdef".repeat(4);

function lines(): { readonly written: string[]; write(line: string): void } {
  const written: string[] = [];
  return { written, write: (line) => void written.push(line) };
}

test("a line is JSON with level, time, message and ids as fields", () => {
  const sink = lines();
  logTo(sink, "info").info({ sandboxId: id }, "pod sandbox is ready");
  const { time, ...rest } = JSON.parse(sink.written[0] ?? "") as Record<string, string>;
  deepEqual(rest, { level: "info", msg: "pod sandbox is ready", sandboxId: id });
  ok(!Number.isNaN(Date.parse(time ?? "")));
});

test("lines below the level are not written", () => {
  const sink = lines();
  logTo(sink, "warn").info("quiet");
  equal(sink.written.length, 0);
});

test("an error is written with the name of its code", () => {
  const sink = lines();
  logTo(sink, "info").error({ err: new StatusError(Code.NotFound, "reading: gone") }, "step failed");
  const { err } = JSON.parse(sink.written[0] ?? "") as { err: Record<string, string> };
  equal(err["message"], "reading: gone");
  equal(err["code"], "NotFound");
});

test("text has the time of day, the level, the message and the fields", () => {
  const json = JSON.stringify({
    level: "info",
    time: "2026-11-21T01:02:03.456Z",
    msg: "ready",
    sandboxId: id,
    why: "a b",
  });
  equal(formatLine(json, false), '01:02:03.456 INFO  ready sandboxId=0123456789abc why="a b"\n');
});

test("text shows an error's message without its stack", () => {
  const sink = lines();
  logTo(sink, "info").error({ err: new StatusError(Code.Internal, "doing: why") }, "failed");
  ok(formatLine(sink.written[0] ?? "", false).endsWith(' ERROR failed err="doing: why (Internal)"\n'));
});

for (const kind of ["socket", "pipe"]) {
  test(`a ${kind} that nobody reads does not hold the process up`, async (t) => {
    const module = new URL("log.ts", import.meta.url).href;
    const program = `
      const { openLog } = await import(${JSON.stringify(module)});
      const log = openLog({ level: "info", format: "auto" });
      for (let i = 0; i < 3000; i++) log.info({ i, padding: "x".repeat(200) }, "line");
      setTimeout(() => process.exit(3), 50);`;
    const dir = mkdtempSync(join(tmpdir(), "crib-log-"));
    t.after(() => rmSync(dir, { recursive: true }));
    execFileSync("mkfifo", [join(dir, "fifo")]);
    const fifo = openSync(join(dir, "fifo"), constants.O_RDWR);
    t.after(() => closeSync(fifo));

    // The "pipe" of spawn is a socket pair. Neither is read: both take less than the 700 KB written.
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", kind === "pipe" ? fifo : "pipe", "inherit"],
      timeout: 20_000,
      killSignal: "SIGKILL",
    });
    const code = await new Promise((resolve) => child.on("exit", resolve));
    child.stdout?.destroy();
    equal(code, 3);
  });
}

test("a slow reader gets every line that fits the buffer", async () => {
  const module = new URL("log.ts", import.meta.url).href;
  const program = `
    const { openLog } = await import(${JSON.stringify(module)});
    const log = openLog({ level: "info", format: "auto" });
    for (let i = 0; i < 3000; i++) log.info({ i, padding: "x".repeat(200) }, "line");
    setTimeout(() => process.exit(0), 300);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  await new Promise((resolve) => child.on("close", resolve));
  const seen = text
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { i: number }).i);
  deepEqual(
    seen,
    Array.from({ length: 3000 }, (_, i) => i),
  );
});

import { equal, match, rejects, throws } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, writeFileSync } from "node:fs";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import { check } from "../libc/errno-error.ts";
import { ioctl } from "../libc/libc.ts";
import { openDescriptors, temporaryDirectory } from "../testing/host.ts";
import { TerminalMaster } from "./terminal-master.ts";

const TIOCGPTN = 0x8004_5430;
const TIOCSPTLCK = 0x4004_5431;

/** A new terminal with a shell script on it, and what it has shown so far. */
function terminalWith(t: TestContext, script: string): { terminal: TerminalMaster; shown: () => string } {
  const fd = openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY);
  const number = Buffer.alloc(4);
  check(ioctl(fd, TIOCGPTN, number), "asking for a terminal's number");
  check(ioctl(fd, TIOCSPTLCK, Buffer.alloc(4)), "unlocking a terminal");
  const terminal = new TerminalMaster(fd);
  t.after(() => terminal.close());
  const slave = openSync(`/dev/pts/${number.readUInt32LE()}`, constants.O_RDWR | constants.O_NOCTTY);
  const child = spawn("sh", ["-c", script], { stdio: [slave, slave, slave] });
  closeSync(slave);
  t.after(() => child.kill("SIGKILL"));
  let text = "";
  terminal.output.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { terminal, shown: () => text };
}

test("what is typed is read, the size is known, and the end comes with the last program", async (t) => {
  const before = openDescriptors();
  const { terminal, shown } = terminalWith(t, "read line; echo got-$line; stty size");
  terminal.resize({ columns: 133, rows: 47 });
  await terminal.write(Buffer.from("hello\n"), AbortSignal.timeout(60_000));
  // Not `once`, which the EIO of the end would reject.
  await new Promise((resolve) => terminal.output.once("close", resolve));
  match(shown(), /hello\r\ngot-hello\r\n47 133\r\n/);
  throws(() => terminal.resize({ columns: 1, rows: 1 }), { code: Code.NotFound });
  await rejects(terminal.write(Buffer.from("x"), AbortSignal.timeout(10_000)), { code: Code.NotFound });
  terminal.close();
  equal(openDescriptors(), before);
});

test("a program that does not read blocks only who types, until he gives up", async (t) => {
  const { terminal, shown } = terminalWith(t, "stty raw -echo; echo ready; exec sleep 1000");
  while (!shown().includes("ready")) await once(terminal.output, "data");
  const typing = terminal.write(Buffer.alloc(1024 * 1024, "x"), AbortSignal.timeout(50));
  await rejects(typing, { name: /AbortError|TimeoutError/ });
});

test("a size that is none and a descriptor that is no terminal are refused", (t) => {
  const { terminal } = terminalWith(t, "exec sleep 1000");
  throws(() => terminal.resize({ columns: -1, rows: 1 }), { code: Code.InvalidArgument });
  throws(() => terminal.resize({ columns: 1, rows: 65_536 }), { code: Code.InvalidArgument });
  const file = `${temporaryDirectory(t)}/file`;
  writeFileSync(file, "");
  const before = openDescriptors();
  throws(() => new TerminalMaster(openSync(file, "r")), { code: Code.InvalidArgument });
  equal(openDescriptors(), before);
});

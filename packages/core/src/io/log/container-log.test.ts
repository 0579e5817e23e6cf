import { equal, match } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { ContainerLog } from "./container-log.ts";
import { headerBytes } from "./line-formatter.ts";
import { LogClock } from "./log-clock.ts";

test("a line is not cut because its container was made to wait", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "crib-container-log-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "0.log");
  const share = { clock: new LogClock(headerBytes), lines: Buffer.alloc(65_536), note: () => undefined };
  const log = new ContainerLog("a", { path, maxLineBytes: 16_384 }, ["stdout"], false, share);
  const bytes = Buffer.alloc(32_768);
  const start = 16_384; // what is held back goes before
  const write = (text: string): void => log.write("stdout", { bytes, start }, start + bytes.write(text, start));
  log.isHeldUp = true;
  write("begun, ");
  // So long that an unfinished line is due, without a turn for the timer that would write it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
  log.isHeldUp = false;
  await delay(1);
  equal(readFileSync(path, "latin1"), "");
  write("ended\n");
  match(readFileSync(path, "latin1"), /^\S+ stdout F begun, ended\n$/);
  log.close();
});

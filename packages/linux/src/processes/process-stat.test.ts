import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { bootId } from "./boot-id.ts";
import { parseProcessStat, processIdentity, readProcess } from "./process-stat.ts";

test("a name with spaces and parentheses does not shift the fields", () => {
  const tail = "20 0 1 0 987654 2703360 241 18446744073709551615";
  const text = `4711 (a) R (b c) S 12 4700 4700 0 -1 4194560 9 0 0 0 1 2 3 4 ${tail}`;
  deepEqual(parseProcessStat(text), {
    pid: 4711,
    comm: "a) R (b c",
    state: "S",
    ppid: 12,
    pgid: 4700,
    startTime: 987_654n,
  });
});

test("a process is known by its pid and start time", () => {
  const self = readProcess(process.pid);
  equal(self?.pid, process.pid);
  equal(self.ppid, process.ppid);
  ok(self.startTime > 0n);
  deepEqual(processIdentity(process.pid), { pid: process.pid, startTime: self.startTime });
  equal(readProcess(4_194_305), undefined);
  equal(processIdentity(4_194_305), undefined);
});

test("the boot has an id", () => {
  equal(/^[0-9a-f-]{36}$/.test(bootId()), true);
});

import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import type { Process } from "@crib/oci-spec";

import { execProcess } from "./exec-process.ts";

const init: Process = {
  terminal: true,
  consoleSize: { height: 1, width: 2 },
  user: { uid: 7, gid: 8, additionalGids: [9] },
  args: ["init"],
  env: ["A=1", "TERM=linux", "TERMINAL=no"],
  cwd: "/work",
  capabilities: { bounding: ["CAP_KILL"], effective: [], permitted: [], inheritable: [], ambient: [] },
  rlimits: [{ type: "RLIMIT_NOFILE", soft: 1, hard: 2 }],
  noNewPrivileges: true,
  apparmorProfile: "crib",
  oomScoreAdj: 500,
};

test("an additional process is the container's own with other arguments", () => {
  const { consoleSize: _, ...rest } = init;
  deepEqual(execProcess(init, { args: ["ls", "-l"], tty: false }), { ...rest, args: ["ls", "-l"], terminal: false });
});

test("one with a terminal is told which kind it is", () => {
  const { env, terminal } = execProcess(init, { args: ["sh"], tty: true });
  deepEqual(env, ["A=1", "TERMINAL=no", "TERM=xterm"]);
  equal(terminal, true);
});

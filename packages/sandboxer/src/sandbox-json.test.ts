import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { formatSandbox, parseSandbox } from "./sandbox-json.ts";
import { testSandbox } from "./testing/test-sandbox.ts";

const sandbox = testSandbox({
  pod: { name: "web", namespace: "default", uid: "u-1", attempt: 1 },
  labels: { app: "web" },
  namespaces: { net: "/run/netns/crib-a" },
  uidMappings: [{ containerId: 0, hostId: 1000, length: 10 }],
  security: { supplementalGroups: [], readonlyRootfs: false, seccomp: { kind: "unconfined" } },
  resources: { cpuShares: 2 },
  config: Uint8Array.of(0, 255, 7),
});

test("a sandbox comes back as it was", () => {
  deepEqual(parseSandbox(formatSandbox(sandbox), "a test"), sandbox);
});

test("what is no sandbox is refused and its place named", () => {
  for (const text of ["", "{", "[]", "null", "{}", JSON.stringify({ id: "x", config: 7 }), '{"id":"x","config":""}']) {
    throws(() => parseSandbox(text, "the bundle"), { code: Code.InvalidArgument, message: /the bundle/ }, text);
  }
});

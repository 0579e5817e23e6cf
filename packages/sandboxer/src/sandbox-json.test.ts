import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { formatSandbox, parseSandbox } from "./sandbox-json.ts";
import type { Sandbox } from "./types.ts";

const sandbox: Sandbox = {
  id: "a".repeat(64),
  pod: { name: "web", namespace: "default", uid: "u-1", attempt: 1 },
  runtimeHandler: "shim",
  hostname: "web",
  labels: { app: "web" },
  annotations: {},
  namespaces: { net: "/run/netns/crib-a" },
  pidMode: "container",
  hostNetwork: false,
  hostIpc: false,
  privileged: false,
  uidMappings: [{ containerId: 0, hostId: 1000, length: 10 }],
  gidMappings: [],
  security: { supplementalGroups: [], readonlyRootfs: false, seccomp: { kind: "unconfined" } },
  sysctls: {},
  cgroupPath: "/crib-a",
  resources: { cpuShares: 2 },
  overhead: {},
  rootDir: "/r",
  stateDir: "/s",
  shmPath: "/s/shm",
  config: Uint8Array.of(0, 255, 7),
};

test("a sandbox comes back as it was", () => {
  deepEqual(parseSandbox(formatSandbox(sandbox), "a test"), sandbox);
});

test("what is no sandbox is refused and its place named", () => {
  for (const text of ["", "{", "[]", "null", "{}", JSON.stringify({ id: "x", config: 7 }), '{"id":"x","config":""}']) {
    throws(() => parseSandbox(text, "the bundle"), { code: Code.InvalidArgument, message: /the bundle/ }, text);
  }
});

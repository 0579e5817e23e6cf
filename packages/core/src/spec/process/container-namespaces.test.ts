import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { processIdentity } from "@crib/linux";
import type { NamespacePaths, ProcessIdentity } from "@crib/sandboxer";

import { type InputChanges, specInput } from "../testing/spec-input.ts";
import { containerNamespaces, userMappings } from "./container-namespaces.ts";

const pod = [
  { type: "network", path: "/nowhere/ns/net" },
  { type: "uts", path: "/nowhere/ns/uts" },
  { type: "ipc", path: "/nowhere/ns/ipc" },
];
const mount = { type: "mount" };
const ids = [{ containerId: 0, hostId: 100_000, length: 65_536 }];

function facts(namespaces: NamespacePaths, process?: ProcessIdentity): NonNullable<InputChanges["facts"]> {
  const createdAt = "2026-01-01T00:00:00Z";
  return { instance: { createdAt, labels: {}, namespaces, ...(process === undefined ? {} : { process }) } };
}

function self(startTime?: number): ProcessIdentity {
  const found = processIdentity(process.pid);
  return { pid: process.pid, startTime: startTime ?? Number(found?.startTime) };
}

const cases: readonly { readonly what: string; readonly changes: InputChanges; readonly gives: readonly object[] }[] = [
  { what: "the pod's and its own", changes: {}, gives: [mount, ...pod, { type: "pid" }] },
  {
    what: "a cgroup namespace with cgroup v2",
    changes: { features: { cgroupVersion: 2 } },
    gives: [mount, ...pod, { type: "pid" }, { type: "cgroup" }],
  },
  {
    what: "none of cgroups where privileged",
    changes: { features: { cgroupVersion: 2 }, security: { privileged: true, pid: "node" } },
    gives: [mount, ...pod],
  },
  {
    what: "only its own where the pod has the host's, whatever is pinned",
    changes: { sandbox: { hostNetwork: true, hostIpc: true } },
    gives: [mount, { type: "pid" }],
  },
  {
    what: "those of a target",
    changes: { security: { pid: { target: "t" } }, targetPid: 4711, sandbox: { hostNetwork: true, hostIpc: true } },
    gives: [mount, { type: "pid", path: "/proc/4711/ns/pid" }],
  },
  {
    what: "those of the pod's living process where there is no path",
    changes: { facts: facts({ ipc: "/i" }, self()), security: { pid: "pod" } },
    gives: [
      mount,
      { type: "network", path: `/proc/${process.pid}/ns/net` },
      { type: "uts", path: `/proc/${process.pid}/ns/uts` },
      { type: "ipc", path: "/i" },
      { type: "pid", path: `/proc/${process.pid}/ns/pid` },
    ],
  },
  {
    what: "the pod's user namespace",
    changes: {
      facts: facts({ net: "/n", ipc: "/i", uts: "/u", user: "/us" }),
      sandbox: { userNamespace: { uids: ids, gids: ids } },
    },
    gives: [
      mount,
      { type: "network", path: "/n" },
      { type: "uts", path: "/u" },
      { type: "ipc", path: "/i" },
      { type: "user", path: "/us" },
      { type: "pid" },
    ],
  },
];
for (const { what, changes, gives } of cases) {
  test(`the namespaces are ${what}`, () => deepEqual(containerNamespaces(specInput(changes)), gives));
}

for (const [what, changes] of [
  ["a pod that tells of none", { facts: {} }],
  ["a pod that lacks one", { facts: facts({ net: "/n", ipc: "/i" }) }],
  ["a pod whose path is empty", { facts: facts({ net: "", ipc: "/i", uts: "/u" }) }],
  ["a pod whose process is 0", { facts: facts({}, { pid: 0, startTime: 0 }) }],
  ["a pod whose process's number is another's by now", { facts: facts({}, self(1)) }],
  ["a shared PID namespace that nobody holds", { security: { pid: "pod" } }],
  ["a target that does not run", { security: { pid: { target: "t" } } }],
  ["a target of pid 0", { security: { pid: { target: "t" } }, targetPid: 0 }],
  ["a user namespace without a path", { sandbox: { userNamespace: { uids: ids, gids: ids } } }],
] as const satisfies readonly (readonly [string, InputChanges])[]) {
  test(`${what} is an error, never the host's or a new one`, () => {
    throws(() => containerNamespaces(specInput(changes)), { code: Code.FailedPrecondition });
  });
}

test("mappings are the sandbox's", () => {
  deepEqual(userMappings(specInput()), undefined);
  const lines = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  deepEqual(userMappings(specInput({ sandbox: { userNamespace: { uids: ids, gids: ids } } })), {
    uids: lines,
    gids: lines,
  });
});

import { deepEqual, throws } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { testSandbox } from "@crib/sandboxer/testing";

import { identityOf } from "../../tasks/index.ts";
import { instanceNamespaces } from "./instance-namespaces.ts";

const pod = testSandbox({ namespaces: { net: "/run/netns/x" } });
const none = { pid: 0, process: undefined, spec: undefined };
const spec = JSON.stringify({
  linux: {
    namespaces: [
      { type: "network", path: "/elsewhere" },
      { type: "ipc", path: "/ns/ipc" },
      { type: "uts", path: "/ns/uts" },
      { type: "mount" },
      { type: "pigeon", path: "/x" },
    ],
  },
});

test("paths come from what crib pinned, then from the spec", () => {
  deepEqual(instanceNamespaces(pod, { ...none, spec }, "explicit"), {
    net: "/run/netns/x",
    ipc: "/ns/ipc",
    uts: "/ns/uts",
  });
});

test("without spec and process there are the strings that Kuasar knows, or an error that names what is missing", () => {
  deepEqual(instanceNamespaces(pod, none, "proc"), {
    net: "/run/netns/x",
    ipc: "/proc/0/ns/ipc",
    uts: "/proc/0/ns/uts",
  });
  const shared = { ...pod, pidMode: "pod" } as const;
  const message = /named no uts and no ipc and no pid namespace .*answered pid 0, and no spec/;
  throws(() => instanceNamespaces(shared, none, "explicit"), { code: Code.FailedPrecondition, message });
  const gone = { ...none, pid: 4_194_303 };
  throws(() => instanceNamespaces(pod, gone, "explicit"), {
    message: /pid 4194303, which is no process in the pod's cgroup/,
  });
});

test("a path that may mean another's namespace later, or here, is refused", () => {
  for (const path of ["/proc/1/ns/ipc", "/proc/0/ns/ipc", "/proc/self/ns/ipc", "ns/ipc"]) {
    const message = new RegExp(`spec.linux.namespaces with path "${path}"`);
    throws(() => instanceNamespaces(pod, { ...none, spec: specOf("ipc", path) }, "proc"), {
      code: Code.Internal,
      message,
    });
  }
});

test("nothing is missing of a pod that has the host's", () => {
  const host = { ...pod, hostNetwork: true, hostIpc: true, namespaces: {} };
  deepEqual(instanceNamespaces(host, none, "explicit"), {});
});

test("a process has namespaces to join, unless they are the host's", async (t) => {
  const monitor = { pid: process.pid, process: identityOf(process.pid), spec: undefined };
  throws(() => instanceNamespaces(pod, monitor, "explicit"), { message: /is in those of the host/ });
  deepEqual(instanceNamespaces(pod, monitor, "proc").ipc, "/proc/0/ns/ipc");
  if (process.getuid?.() !== 0) return t.skip("only root makes namespaces");
  const child = spawn("unshare", ["--ipc", "--uts", "sh", "-c", "echo made; exec sleep 30"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const pid = child.pid ?? 0;
  const told = { pid, process: identityOf(pid), spec: undefined };
  deepEqual(instanceNamespaces(pod, told, "explicit"), { net: "/run/netns/x" });
  const own = specOf("ipc", `/proc/${pid}/ns/ipc`);
  deepEqual(instanceNamespaces(pod, { ...told, spec: own }, "explicit"), { net: "/run/netns/x" });
});

function specOf(type: string, path: string): string {
  return JSON.stringify({ linux: { namespaces: [{ type, path }] } });
}

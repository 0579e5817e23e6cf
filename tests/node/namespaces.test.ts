import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { existsSync, readlinkSync } from "node:fs";
import { test } from "node:test";

import { NamespaceMode } from "@crib/wire/cri";

import { isRunning } from "../support/is-running.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { securityContext, type SharedNamespaces } from "../support/pod-config.ts";
import type { Pod } from "../support/pod.ts";
import { runProgram } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

const { POD, CONTAINER, NODE } = NamespaceMode;

/** Names a namespace as the kernel does, by the inode that a path or a link leads to. */
async function namespaceAt(path: string): Promise<string> {
  const { stdout } = await runProgram(["stat", "-L", "-c", "%i", path]);
  return stdout.trim();
}
const namespaceOfHost = (kind: string): Promise<string> => namespaceAt(`/proc/self/ns/${kind}`);
const namespaceOfProcess = (pid: number, kind: string): Promise<string> => namespaceAt(`/proc/${pid}/ns/${kind}`);

function runSharing(node: Node, shared: SharedNamespaces): Promise<Pod> {
  return node.runPod({
    change: (config) => ({ ...config, linux: { ...config.linux, securityContext: securityContext(shared) } }),
  });
}

test("namespaces of pods", needsRoot, async (t) => {
  const node = await startNode(t);

  await t.test("a pod as the kubelet asks for it has its own network, IPC and UTS, and no process", async () => {
    const pod = await runSharing(node, { pid: CONTAINER });
    const { namespaces, pid, processStatus } = await pod.info();
    deepEqual(Object.keys(namespaces).toSorted(), ["ipc", "net", "uts"]);
    for (const kind of ["ipc", "net", "uts"])
      notEqual(await namespaceAt(namespaces[kind] ?? ""), await namespaceOfHost(kind), kind);
    equal(pid, 0);
    equal(processStatus, "none");
  });

  await t.test("a pod whose containers share a PID namespace has a process that holds it", async () => {
    const pod = await runSharing(node, { pid: POD });
    const { pid, processStatus, namespaces } = await pod.info();
    equal(processStatus, "running");
    ok(pid > 0);
    notEqual(await namespaceOfProcess(pid, "pid"), await namespaceOfHost("pid"));
    equal(await namespaceOfProcess(pid, "net"), await namespaceAt(pod.netns), "it is in the pod's network");
    equal(await namespaceOfProcess(pid, "ipc"), await namespaceAt(namespaces["ipc"] ?? ""));
    equal(await namespaceOfProcess(pid, "uts"), await namespaceAt(namespaces["uts"] ?? ""));
    await pod.stop();
    equal(isRunning(pid), false, "it ends with the pod");
  });

  await t.test("a pod with the host's PID namespace needs no process either", async () => {
    const pod = await runSharing(node, { pid: NODE });
    equal((await pod.info()).pid, 0);
  });

  await t.test("a pod with the host's IPC has no IPC namespace and no shared memory of its own", async () => {
    const pod = await runSharing(node, { ipc: NODE });
    const { namespaces, sandboxMetadata } = await pod.info();
    equal(namespaces["ipc"], undefined);
    equal((await runProgram(["findmnt", "-n", `${sandboxMetadata["stateDir"]}/shm`], { mayFail: true })).stdout, "");
  });

  await t.test(
    "a pod with the host's network has no address, no network namespace, and the kubelet learns none",
    async () => {
      const pod = await runSharing(node, { network: NODE });
      equal(existsSync(pod.netns), false);
      const { network, linux } = await pod.status();
      equal(network?.ip ?? "", "");
      equal(linux?.namespaces?.options?.network, NODE);
      deepEqual((await pod.info()).cniResult, []);
      await pod.stop();
      await pod.remove();
    },
  );

  await t.test("a pod with all of the host's namespaces is only a name, and works", async () => {
    const pod = await runSharing(node, { network: NODE, pid: NODE, ipc: NODE });
    equal((await node.list()).get(pod.id), "READY");
    await pod.remove();
    deepEqual([...(await node.list()).keys()].includes(pod.id), false);
  });

  await t.test("the modes are shown as they were asked for", async () => {
    const pod = await runSharing(node, { network: POD, pid: CONTAINER, ipc: NODE });
    const { network, pid, ipc } = (await pod.status()).linux?.namespaces?.options ?? {};
    deepEqual([network, pid, ipc], [POD, CONTAINER, NODE]);
  });

  await t.test("a mode that a sandbox cannot have is refused", async () => {
    for (const shared of [{ network: CONTAINER }, { ipc: CONTAINER }, { pid: NamespaceMode.TARGET }]) {
      const failed = await runSharing(node, shared).then(
        () => undefined,
        (reason: Error) => reason.message,
      );
      ok(failed?.includes("namespace_options"), `${failed}`);
    }
  });

  await t.test("a privileged pod starts, with and without a process", async () => {
    for (const pid of [CONTAINER, POD]) {
      const pod = await node.runPod({
        change: (config) => ({
          ...config,
          linux: { ...config.linux, securityContext: { ...securityContext({ pid }), privileged: true } },
        }),
      });
      equal((await node.list()).get(pod.id), "READY");
      await pod.remove();
    }
  });

  await t.test("the daemon itself is still in the host's namespaces", async () => {
    for (const kind of ["net", "ipc", "uts", "mnt", "pid"])
      equal(readlinkSync(`/proc/${node.daemon.pid}/ns/${kind}`), readlinkSync(`/proc/self/ns/${kind}`), kind);
    const tasks = (await runProgram(["sh", "-c", `readlink /proc/${node.daemon.pid}/task/*/ns/net | sort -u`])).stdout;
    equal(tasks.trim(), readlinkSync("/proc/self/ns/net"), "with every thread");
  });
});

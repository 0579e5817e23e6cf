import { equal, ok, rejects } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";
import { NamespaceMode } from "@crib/wire/cri";

import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { type SharedNamespaces, securityContext } from "../support/pod-config.ts";
import { startNode } from "../support/start-node.ts";

const onHost = (key: string): string => readFileSync(`/proc/sys/${key.replaceAll(".", "/")}`, "utf8").trim();

test("sysctls", needsRoot, async (t) => {
  const node = await startNode(t);

  await t.test("those of the pod's own namespaces are set there and nowhere else", async () => {
    const before = ["net.ipv4.ip_local_port_range", "kernel.shm_rmid_forced", "fs.mqueue.msg_max"].map(onHost);
    const pod = await runWith(node, {
      "net.ipv4.ip_local_port_range": "20000 30000",
      "net/core/somaxconn": "77",
      "kernel.shm_rmid_forced": "1",
      "fs.mqueue.msg_max": "13",
    });
    const read = async (path: string): Promise<string> =>
      (await pod.exec(["cat", `/proc/sys/${path}`], ["ipc"])).stdout.trim().replaceAll("\t", " ");
    equal(await read("net/ipv4/ip_local_port_range"), "20000 30000");
    equal(await read("net/core/somaxconn"), "77");
    equal(await read("kernel/shm_rmid_forced"), "1");
    equal(
      ["net.ipv4.ip_local_port_range", "kernel.shm_rmid_forced", "fs.mqueue.msg_max"].map(onHost).join(),
      before.join(),
    );
  });

  await t.test("every pod may bind low ports and ping without privileges, as with other runtimes", async () => {
    const pod = await node.runPod();
    equal((await pod.exec(["cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"])).stdout, "0\n");
    equal((await pod.exec(["cat", "/proc/sys/net/ipv4/ping_group_range"])).stdout, "0\t2147483647\n");
  });

  await t.test("what is asked for goes before these defaults", async () => {
    const pod = await runWith(node, { "net.ipv4.ip_unprivileged_port_start": "1024" });
    equal((await pod.exec(["cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"])).stdout, "1024\n");
  });

  // The attack of CVE-2022-0811: one value that sets a second key. With the other refusals the host stays as it is.
  const refused: readonly (readonly [
    why: string,
    sysctls: Readonly<Record<string, string>>,
    shared?: SharedNamespaces,
  ])[] = [
    ["a + in a value", { "kernel.shm_rmid_forced": "1+kernel.core_pattern=|/bin/evil #" }],
    ["an = in a value", { "net.ipv4.tcp_syncookies": "1=2" }],
    ["a line feed in a value", { "net.ipv4.tcp_syncookies": "1\nkernel.core_pattern=x" }],
    ["a NUL in a value", { "net.ipv4.tcp_syncookies": "1\0" }],
    ["a key of the host", { "kernel.core_pattern": "|/bin/evil" }],
    ["another key of the host", { "vm.swappiness": "1" }],
    ["a key with a way out of /proc/sys", { "net/../kernel/core_pattern": "x" }],
    ["a key with dots that lead up", { "net...kernel.core_pattern": "x" }],
    ["an empty key", { "": "1" }],
    [
      "the network's in a pod with the host's (CVE-2022-0532)",
      { "net.ipv4.ip_forward": "0" },
      { network: NamespaceMode.NODE },
    ],
    ["IPC's in a pod with the host's (CVE-2022-0532)", { "kernel.shmmax": "1" }, { ipc: NamespaceMode.NODE }],
    ["message queues' in a pod with the host's IPC", { "fs.mqueue.msg_max": "13" }, { ipc: NamespaceMode.NODE }],
  ];
  const watched = [
    "kernel.core_pattern",
    "vm.swappiness",
    "net.ipv4.ip_forward",
    "kernel.shmmax",
    "net.ipv4.tcp_syncookies",
  ];
  const before = watched.map(onHost).join();
  for (const [why, sysctls, shared] of refused) {
    await t.test(`${why} is refused`, async () => {
      await rejects(runWith(node, sysctls, shared), (reason: StatusError) => {
        equal(reason.code, Code.InvalidArgument);
        ok(reason.message.includes("sysctl"), reason.message);
        return true;
      });
      equal(watched.map(onHost).join(), before, "the host's sysctls are as they were");
      equal((await node.list()).size >= 0 && (await node.leaks()).length, 0);
    });
  }
});

function runWith(
  node: Node,
  sysctls: Readonly<Record<string, string>>,
  shared: SharedNamespaces = {},
): ReturnType<Node["runPod"]> {
  return node.runPod({
    change: (config) => ({ ...config, linux: { ...config.linux, sysctls, securityContext: securityContext(shared) } }),
  });
}

import { equal, match } from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { NamespaceMode } from "@crib/wire/cri";

import { needsRoot } from "../support/needs-root.ts";
import { securityContext } from "../support/pod-config.ts";
import { runProgram } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

test("the files of a pod and its host name", needsRoot, async (t) => {
  const node = await startNode(t);
  const fileOf = async (
    pod: { info: () => Promise<{ sandboxMetadata: Readonly<Record<string, string>> }> },
    name: string,
  ): Promise<string> => readFileSync(join((await pod.info()).sandboxMetadata["rootDir"] ?? "", name), "utf8");

  await t.test("hostname is as asked, in the file and in the UTS namespace", async () => {
    const pod = await node.runPod({ change: (config) => ({ ...config, hostname: "web-0" }) });
    equal(await fileOf(pod, "hostname"), "web-0\n");
    equal((await pod.exec(["hostname"], ["uts"])).stdout, "web-0\n");
  });

  await t.test("hostname is the pod's name when none is asked for", async () => {
    const pod = await node.runPod({ name: "nameless", change: (config) => ({ ...config, hostname: "" }) });
    equal((await pod.exec(["hostname"], ["uts"])).stdout, "nameless\n");
    equal(hostname() === "nameless", false, "the host kept its name");
  });

  await t.test("a pod in the host's network has the host's name", async () => {
    const pod = await node.runPod({
      change: (config) => ({
        ...config,
        hostname: "",
        linux: { ...config.linux, securityContext: securityContext({ network: NamespaceMode.NODE }) },
      }),
    });
    equal(await fileOf(pod, "hostname"), `${hostname()}\n`);
  });

  await t.test("resolv.conf says what the DNS configuration says", async () => {
    const pod = await node.runPod({
      change: (config) => ({
        ...config,
        dnsConfig: {
          servers: ["10.96.0.10", "fd00::a"],
          searches: ["a.local", "local"],
          options: ["ndots:5", "edns0"],
        },
      }),
    });
    equal(
      await fileOf(pod, "resolv.conf"),
      "search a.local local\nnameserver 10.96.0.10\nnameserver fd00::a\noptions ndots:5 edns0\n",
    );
  });

  await t.test("resolv.conf is empty when the DNS configuration is", async () => {
    const pod = await node.runPod({ change: (config) => ({ ...config, dnsConfig: {} }) });
    equal(await fileOf(pod, "resolv.conf"), "");
  });

  await t.test("resolv.conf is the host's without a DNS configuration, hosts always", async () => {
    const pod = await node.runPod({
      change: (config) => Object.fromEntries(Object.entries(config).filter(([key]) => key !== "dnsConfig")),
    });
    equal(await fileOf(pod, "resolv.conf"), readFileSync("/etc/resolv.conf", "utf8"));
    equal(await fileOf(pod, "hosts"), readFileSync("/etc/hosts", "utf8"));
  });

  await t.test("the three files can be read by any user of a container", async () => {
    const pod = await node.runPod();
    const { rootDir = "" } = (await pod.info()).sandboxMetadata;
    for (const name of ["hostname", "hosts", "resolv.conf"])
      equal(statSync(join(rootDir, name)).mode & 0o777, 0o644, name);
  });

  await t.test("shared memory is a tmpfs of 64 MiB that anybody may write and nothing can be run from", async () => {
    const pod = await node.runPod();
    const shm = join((await pod.info()).sandboxMetadata["stateDir"] ?? "", "shm");
    const { stdout } = await runProgram(["findmnt", "-n", "-o", "FSTYPE,OPTIONS", shm]);
    match(stdout, /^tmpfs .*nosuid,nodev,noexec.*size=65536k/);
    equal(statSync(shm).mode & 0o7777, 0o1777);
    await pod.stop();
    equal((await runProgram(["findmnt", "-n", shm], { mayFail: true })).stdout, "");
  });
});

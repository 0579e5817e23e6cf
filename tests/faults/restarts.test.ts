import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { openRecord, sealRecord } from "@crib/core/metadata";
import type { SandboxRecord } from "@crib/core/sandbox";

import { eventually, pause } from "../support/eventually.ts";
import { killProcess } from "../support/kill-process.ts";
import { needsRoot } from "../support/needs-root.ts";
import { leasesDir } from "../support/network-config.ts";
import type { Node } from "../support/node.ts";
import type { PodConfig } from "../support/pod-config.ts";
import type { Pod } from "../support/pod.ts";
import { runProgram } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

const databaseOf = (node: Node): string => join(node.root, "metadata.db");
const copyOf = (node: Node, id: string): string => join(node.root, "sandboxes", id, "record.json");

/** Changes rows behind the back of a daemon that does not run. */
function withRows(node: Node, change: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(databaseOf(node));
  change(database);
  database.close();
}

test("after SIGKILL and a new start", needsRoot, async (t) => {
  const node = await startNode(t);
  const running = await node.runPod({ name: "running" });
  const paused = await node.runPod({ name: "paused", handler: "paused" });
  const stopped = await node.runPod({ name: "stopped" });
  await stopped.stop();
  const addresses = [await running.address(), await paused.address()];

  await t.test("running pods are READY with their addresses, stopped ones NOTREADY", async () => {
    await node.restart();
    const list = await node.list();
    deepEqual(
      [running, paused, stopped].map(({ id }) => list.get(id)),
      ["READY", "READY", "NOTREADY"],
    );
    deepEqual([await running.address(), await paused.address()], addresses);
    match((await running.exec(["ping", "-c", "1", addresses[1] ?? ""])).stdout, /1 received/);
  });

  await t.test("half-made pods are gone", async () => {
    node.inject("RunPodSandbox/sandbox.start@after=kill");
    await rejects(node.runPod({ name: "half", handler: "paused" }));
    await node.daemon.ended;
    await node.restart();
    await eventually(10_000, () => equal(readdirSync(join(node.root, "sandboxes")).length, 3));
    equal((await node.list()).size, 3);
    deepEqual(await node.leaks(), []);
  });

  await t.test("twenty kills in a row change nothing", async () => {
    for (let round = 0; round < 20; round++) await node.restart();
    deepEqual([await running.address(), await paused.address()], addresses);
    equal((await paused.info()).processStatus, "running");
    deepEqual(await node.leaks(), []);
    equal(readdirSync(node.root).filter((name) => name.includes("unreadable")).length, 0);
  });

  await t.test("pods can be stopped and removed as before", async () => {
    await node.removeAllPods();
    deepEqual(await node.leftovers(), []);
  });
});

/** Runs a pod and removes it. */
async function runAndRemove(
  node: Node,
  request: { readonly config: PodConfig; readonly runtimeHandler: string },
): Promise<void> {
  const { runtime } = node.cri;
  const { podSandboxId } = await runtime.runPodSandbox(request);
  await runtime.removePodSandbox({ podSandboxId });
}

test(
  "kills at any instant of starts and removals leave nothing, and every name can be used again",
  needsRoot,
  async (t) => {
    const node = await startNode(t);
    // The instants differ from run to run, so they are told.
    for (let round = 0; round < 12; round++) {
      const afterMs = Math.round(Math.random() * 250);
      t.diagnostic(`round ${round}: killed after ${afterMs} ms`);
      const requests = ["runc", "paused"].map((runtimeHandler) => ({ config: node.podConfig(), runtimeHandler }));
      const calls = Promise.allSettled(requests.map((request) => runAndRemove(node, request)));
      await Promise.race([calls, pause(afterMs)]);
      await node.kill();
      await calls;
      await node.restart();
      // A removal that was cut short after its stop is asked for again, as the kubelet does.
      for (const [podSandboxId, state] of await node.list())
        if (state === "NOTREADY") await node.cri.runtime.removePodSandbox({ podSandboxId });
      for (const request of requests) await runAndRemove(node, request);
      deepEqual(await node.leftovers(), [], `killed after ${afterMs} ms`);
    }
    deepEqual(await node.leaks(), []);
  },
);

test(
  "a request that is under way when the daemon dies is joined by its retry, once it was done",
  needsRoot,
  async (t) => {
    const node = await startNode(t);
    node.inject("RunPodSandbox/network.attach@before=hold*1");
    const config = node.podConfig();
    const lost = rejects(node.cri.runtime.runPodSandbox({ config }));
    await eventually(5_000, () => ok(node.log().includes("held at RunPodSandbox/network.attach@before")));
    await node.kill();
    await lost;
    await node.restart();
    const { podSandboxId } = await node.cri.runtime.runPodSandbox({ config });
    equal((await node.cri.runtime.runPodSandbox({ config })).podSandboxId, podSandboxId);
    await node.restart();
    equal((await node.cri.runtime.runPodSandbox({ config })).podSandboxId, podSandboxId);
    equal((await node.list()).size, 1);
  },
);

test("a database that is damaged", needsRoot, async (t) => {
  const node = await startNode(t);
  const pods = [await node.runPod(), await node.runPod({ handler: "paused" }), await node.runPod()];
  await pods[2]?.stop();
  const expected = ["READY", "READY", "NOTREADY"];
  const addresses = await Promise.all(pods.slice(0, 2).map((pod) => pod.address()));
  const damages: Readonly<Record<string, (path: string) => void>> = {
    missing: (path) => {
      for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    },
    "cut off": (path) => {
      rmSync(`${path}-wal`, { force: true });
      truncateSync(path, 5_000);
    },
    empty: (path) => {
      rmSync(`${path}-wal`, { force: true });
      writeFileSync(path, "");
    },
    "not one at all": (path) => {
      rmSync(`${path}-wal`, { force: true });
      writeFileSync(path, "this is no database\n".repeat(1_000));
    },
    "full of flipped bits": (path) => {
      const bytes = readFileSync(path);
      for (let at = 0; at < bytes.length; at += 97) bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      writeFileSync(path, bytes);
    },
    "with a write-ahead log of noise": (path) => writeFileSync(`${path}-wal`, Buffer.alloc(40_000, 0x5a)),
  };
  for (const [name, damage] of Object.entries(damages)) {
    await t.test(`${name}: it is rebuilt, kept aside, and no pod is lost`, async () => {
      await node.kill();
      damage(databaseOf(node));
      await node.restart();
      const list = await node.list();
      deepEqual(
        pods.map(({ id }) => list.get(id)),
        expected,
      );
      deepEqual(await Promise.all(pods.slice(0, 2).map((pod) => pod.address())), addresses);
      deepEqual(await node.leaks(), []);
    });
  }
  ok(
    readdirSync(node.root).some((name) => name.includes("metadata.db.unreadable-")),
    "nothing was erased",
  );
});

test("a record that is damaged", needsRoot, async (t) => {
  const node = await startNode(t);
  const [good, bad] = [await node.runPod(), await node.runPod()];
  const copy = readFileSync(copyOf(node, bad.id), "utf8");

  await t.test("comes back from its copy", async () => {
    await node.kill();
    withRows(node, (database) =>
      database
        .prepare("UPDATE sandboxes SET record = replace(record, '\"ready\"', '\"gone\"') WHERE id = ?")
        .run(bad.id),
    );
    await node.restart();
    deepEqual([...(await node.list()).values()], ["READY", "READY"]);
    ok((await bad.address()).startsWith(node.lane.prefix));
  });

  await t.test(
    "is put in quarantine, and said, when its copy is damaged too; the others are served and its pod is left alone",
    async () => {
      await node.kill();
      withRows(node, (database) => database.prepare("UPDATE sandboxes SET checksum = 'no' WHERE id = ?").run(bad.id));
      writeFileSync(copyOf(node, bad.id), copy.slice(0, 500));
      await node.restart();
      deepEqual([...(await node.list())], [[good.id, "READY"]]);
      ok(node.log().includes(bad.id) && node.log().includes("quarantine"), "the log tells of it");
      ok(existsSync(bad.netns), "its pod may still be in use");
      withRows(node, (database) => {
        const kept = database.prepare("SELECT reason FROM quarantine WHERE id = ?").all(bad.id);
        ok(kept.length > 0, "it is not erased");
      });
      await (await node.runPod()).remove();
    },
  );

  await t.test("is served again when its copy is repaired", async () => {
    await node.kill();
    writeFileSync(copyOf(node, bad.id), copy);
    await node.restart();
    equal((await node.list()).get(bad.id), "READY");
    await bad.remove();
  });
});

test(
  "after a reboot of the machine all pods are NOTREADY, and their addresses are given back",
  needsRoot,
  async (t) => {
    const node = await startNode(t);
    const pods = [await node.runPod(), await node.runPod({ handler: "paused" }), await node.runPod()];
    const [, , stopped] = pods;
    await stopped?.stop();
    await node.kill();
    await pretendReboot(node, pods);
    equal(leases(node).length, 2, "as after a reboot, address files are still there");

    await node.restart();
    await eventually(10_000, async () =>
      deepEqual([...(await node.list()).values()], ["NOTREADY", "NOTREADY", "NOTREADY"]),
    );
    await eventually(10_000, async () => {
      deepEqual(leases(node), []);
      equal((await pods[0]?.info())?.exit?.reason, "Reboot");
    });
    equal((await pods[0]?.info())?.exit?.exitCode, 255);
    const [again] = pods;
    await rejects(node.cri.runtime.runPodSandbox({ config: again?.config ?? {} }), /raise the attempt/);
    const next = await node.runPod();
    notEqual(await next.address(), "");
    await node.removeAllPods();
    deepEqual(await node.leftovers(), []);
    deepEqual(await node.leaks(), []);
  },
);

function leases(node: Node): readonly string[] {
  return readdirSync(join(leasesDir(node.lane), node.lane.bridge)).filter((name) => /^\d+\./.test(name));
}

/** What a reboot does to a daemon's pods: another boot id, no processes, no mounts, no namespaces, an empty state directory. */
async function pretendReboot(node: Node, pods: readonly Pod[]): Promise<void> {
  for (const line of (await node.leftovers()).filter((one) => one.startsWith("process: ")))
    killProcess(Number(line.split(" ")[1]));
  for (const mount of (await node.leftovers()).filter((line) => line.startsWith("mount: ")).toReversed())
    await runProgram(["umount", "-l", mount.split(" ")[1] ?? ""]);
  await dropRules(node);
  for (const id of pods.map((pod) => pod.id))
    rmSync(`/run/containerd/runc/k8s.io/${id}`, { recursive: true, force: true });
  rmSync(node.state, { recursive: true, force: true });
  for (const { netns } of pods) rmSync(netns, { force: true });
  const change = (record: SandboxRecord): ReturnType<typeof sealRecord> =>
    sealRecord({ ...record, bootId: "00000000-0000-0000-0000-000000000000" });
  withRows(node, (database) => {
    const rows = database.prepare("SELECT id, record, checksum FROM sandboxes").all() as unknown as {
      readonly id: string;
      readonly record: string;
      readonly checksum: string;
    }[];
    for (const row of rows) {
      const sealed = change(openRecord(row));
      database
        .prepare("UPDATE sandboxes SET record = ?, checksum = ? WHERE id = ?")
        .run(sealed.record, sealed.checksum, row.id);
    }
  });
}

/** Removes the firewall's rules of this node's pods: those that name their chains, then the chains. */
async function dropRules(node: Node): Promise<void> {
  const chains = new Set<string>();
  const { stdout } = await runProgram(["iptables-save", "-t", "nat"]);
  for (const rule of stdout.split("\n").filter((line) => line.includes(`\\"${node.lane.bridge}\\"`))) {
    const [, chain = "", target = ""] = /^-A (\S+) .*-j (\S+)$/.exec(rule) ?? [];
    if (!target.startsWith("CNI-")) continue;
    chains.add(target);
    await runProgram(["sh", "-c", `iptables -t nat ${rule.replace(/^-A/, "-D")}`]);
    ok(chain !== "");
  }
  for (const chain of chains) for (const verb of ["-F", "-X"]) await runProgram(["iptables", "-t", "nat", verb, chain]);
}

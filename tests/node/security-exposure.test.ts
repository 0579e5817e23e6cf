import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import { runProgram } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

/** Everything below directories that a user without any privilege can list, read, write or enter a socket of. */
async function reachableBy(uid: number, dirs: readonly string[]): Promise<readonly string[]> {
  const script = `
    const { readdirSync, accessSync, statSync, constants } = require("node:fs");
    const { join } = require("node:path");
    const reached = [];
    const walk = (path) => {
      let stat;
      try { stat = statSync(path); } catch { return; }
      if (stat.isDirectory()) {
        let names = [];
        try { names = readdirSync(path); reached.push(path + "/"); } catch {}
        for (const name of names) walk(join(path, name));
        return;
      }
      for (const mode of [constants.R_OK, constants.W_OK, constants.X_OK])
        try { accessSync(path, mode); reached.push(path); break; } catch {}
    };
    process.argv.slice(1).forEach(walk);
    console.log(JSON.stringify(reached));
  `;
  const node = process.execPath;
  const { stdout } = await runProgram([
    "setpriv",
    `--reuid=${uid}`,
    `--regid=${uid}`,
    "--clear-groups",
    node,
    "-e",
    script,
    "--",
    ...dirs,
  ]);
  return JSON.parse(stdout) as readonly string[];
}

test("a user of the host reaches nothing of crib, not even when it starts with umask 0", needsRoot, async (t) => {
  const node = await startNode(t, { umask: "000" });
  const pod = await node.runPod({ handler: "paused" });
  const { sandboxMetadata } = await pod.info();
  // Known names are tried too: a directory that cannot be listed may still be passed through.
  const known = [
    node.root,
    node.state,
    node.socket,
    `${node.state}/events.sock`,
    `${node.state}/lock`,
    `${node.root}/metadata.db`,
    `${node.root}/metadata.db-wal`,
    `${node.root}/instance`,
    `${node.root}/cni`,
    `${node.root}/sandboxes/${pod.id}/record.json`,
    `${node.root}/sandboxes/${pod.id}/resolv.conf`,
    `${node.state}/tasks`,
    `${node.state}/tasks/${pod.id}`,
    `${node.state}/tasks/${pod.id}/config.json`,
    `${sandboxMetadata["stateDir"]}/shm`,
    `${sandboxMetadata["stateDir"]}/ns/ipc`,
    "/run/containerd/s",
  ];
  for (const path of known)
    ok(existsSync(path) || path.endsWith("-wal"), `${path} is not there; the test is out of date`);
  const reached = await reachableBy(65_534, known);
  deepEqual(reached, []);

  await t.test("wider modes that it finds are repaired at the next start", async () => {
    const dirs = [node.root, `${node.root}/sandboxes`, `${node.root}/cni`, `${node.state}/sandboxes`, node.state];
    await runProgram(["chmod", "a+rwx", ...dirs]);
    await node.restart();
    deepEqual(await reachableBy(65_534, dirs), []);
  });
});

test(
  "nothing of crib or its shims listens on an abstract socket or on the network (CVE-2020-15257)",
  needsRoot,
  async (t) => {
    const abstractNames = (netns?: string): readonly string[] => {
      void netns;
      return readFileSync("/proc/net/unix", "utf8")
        .split("\n")
        .map((line) => line.split(/\s+/)[7] ?? "")
        .filter((name) => name.startsWith("@"));
    };
    const before = new Set(abstractNames());
    const listening = async (): Promise<ReadonlySet<string>> =>
      new Set(
        (await runProgram(["ss", "-H", "-l", "-n", "-t", "-u"])).stdout
          .split("\n")
          .map((line) => line.replaceAll(/\s+/g, " ")),
      );
    const open = await listening();

    const node = await startNode(t);
    await Promise.all(Array.from({ length: 5 }, () => node.runPod({ handler: "paused" })));
    const hostNetwork = await node.runPod({
      change: (config) => ({
        ...config,
        linux: { ...config.linux, securityContext: { namespaceOptions: { network: 2, pid: 0, ipc: 0 } } },
      }),
    });
    ok((await hostNetwork.info()).pid > 0, "a process in the host's network sees what the host sees");
    deepEqual(
      abstractNames().filter((name) => !before.has(name) && /containerd|crib|shim/.test(name)),
      [],
    );
    const owners = (await runProgram(["ss", "-H", "-l", "-n", "-t", "-u", "-p"])).stdout;
    const own = owners.split("\n").filter((line) => line.includes(`pid=${node.daemon.pid},`));
    equal(own.length, 1, "the daemon listens for clients of exec, attach and port-forward, and for nobody else");
    ok(own[0]?.includes(" 127.0.0.1:"), `only on loopback: ${own[0]}`);
    equal(
      [...(await listening())].filter((line) => !open.has(line)).some((line) => line.includes("shim")),
      false,
    );
  },
);

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { NamespaceMode } from "@crib/wire/cri";

import { eventually } from "../support/eventually.ts";
import { isRunning } from "../support/is-running.ts";
import { needsRoot } from "../support/needs-root.ts";
import { parentOf } from "../support/parent-of.ts";
import { securityContext } from "../support/pod-config.ts";
import { outputOf } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

/** The shims of the machine and those that scripts/fetch-shims has fetched, by what to call them. */
function shims(): ReadonlyMap<string, string> {
  const fetched = join(import.meta.dirname, "../../.tools/shims");
  const versions = existsSync(fetched) ? readdirSync(fetched) : [];
  const found = versions.map((version) => [version, join(fetched, version, "containerd-shim-runc-v2")] as const);
  return new Map(
    [["of the machine", "/usr/bin/containerd-shim-runc-v2"] as const, ...found].filter(([, path]) => existsSync(path)),
  );
}

const present = shims();
for (const line of ["of the machine", "1.7", "2."]) {
  const name = [...present.keys()].find((version) => version.startsWith(line));
  const options = name === undefined ? { skip: `no shim ${line} is here; scripts/fetch-shims fetches it` } : needsRoot;
  test(`a pause process in the shim ${name ?? line}`, options, async (t) => {
    const node = await startNode(t, {
      config: () => ({ runtimes: { paused: { pause: "always", runtime_path: present.get(name ?? "") ?? "" } } }),
    });

    await t.test("it runs from the first moment, in the shim that was asked for", async () => {
      const pod = await node.runPod({ handler: "paused" });
      const { pid, processStatus } = await pod.info();
      equal(processStatus, "running");
      const shim = parentOf(pid);
      equal(await outputOf("readlink", `/proc/${shim}/exe`), `${present.get(name ?? "")}\n`);
      await pod.stop();
      equal(isRunning(pid), false, "pause ends with the pod");
      await pod.remove();
      equal(isRunning(shim), false, "the shim ends with the removal");
      deepEqual(await node.leftovers(), []);
    });

    await t.test("it outlives the daemon and is found again", async () => {
      const pod = await node.runPod({ handler: "paused" });
      const { pid } = await pod.info();
      await node.restart();
      equal((await pod.info()).pid, pid);
      deepEqual([...(await node.list())], [[pod.id, "READY"]]);
      equal((await node.term()).exitCode, 0);
      ok(isRunning(pid), "SIGTERM leaves it running too");
      await node.restart();
      await pod.remove();
      equal(isRunning(pid), false);
      deepEqual(await node.leftovers(), []);
    });

    await t.test("the kubelet's pod with a shared PID namespace gets one without asking", async () => {
      const pod = await node.runPod({
        change: (config) => ({
          ...config,
          linux: { ...config.linux, securityContext: securityContext({ pid: NamespaceMode.POD }) },
        }),
      });
      equal((await pod.info()).processStatus, "running");
      await pod.remove();
    });

    await t.test("it may do almost nothing", async () => {
      const pod = await node.runPod({ handler: "paused" });
      const { pid, runtimeSpec } = await pod.info();
      // The runtime answers a start when its own process is about to become the program, not when it has.
      const program = runtimeSpec?.["process"] as { readonly args: readonly string[] } | undefined;
      const commandLine = [...(program?.args ?? []), ""].join("\0");
      await eventually(30_000, () => equal(readFileSync(`/proc/${pid}/cmdline`, "utf8"), commandLine));
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      match(status, /^NoNewPrivs:\t1$/m);
      match(status, /^CapInh:\t0+$/m);
      match(status, /^CapEff:\t0+$/m);
      match(status, /^CapBnd:\t0+$/m);
      equal((runtimeSpec?.["root"] as { readonly readonly: boolean } | undefined)?.readonly, true);
      // It may only have begun to run, and be reading something.
      await eventually(30_000, () => {
        const names = readdirSync(`/proc/${pid}/fd`);
        ok(names.length <= 8, `${names.length} open files`);
        for (const name of names)
          match(readlinkSync(`/proc/${pid}/fd/${name}`), /\/dev\/null|pipe:|anon_inode:|socket:|\/dev\/pts/);
      });
    });
  });
}

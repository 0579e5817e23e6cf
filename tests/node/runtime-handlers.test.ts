import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { runCrib } from "../support/run-crib.ts";
import { startNode } from "../support/start-node.ts";
import { toToml, type TomlValue } from "../support/to-toml.ts";

/** A handler as verbose Status tells of it. */
interface ToldHandler {
  readonly name: string;
  readonly controller: string;
  readonly usable: boolean;
  readonly reason?: string;
  readonly default: boolean;
}

async function toldHandlers(node: Node): Promise<ReadonlyMap<string, ToldHandler>> {
  const { info } = await node.cri.runtime.status({ verbose: true });
  const told = JSON.parse(info["handlers"] ?? "[]") as readonly ToldHandler[];
  return new Map(told.map((one) => [one.name, one]));
}

const broken = {
  "no-controller": { controller: "vmm" },
  "no-shim": { runtime_type: "io.containerd.none.v1" },
  "no-shim-path": { runtime_path: "/nowhere/containerd-shim-x-v1" },
  "no-runtime": { options: { BinaryName: "/nowhere/crun" } },
  "bad-options": { options: { NoSuchKey: true } },
  "no-network": { cni_conf_dir: "/nowhere/net.d" },
} as const;

const reasons: Readonly<Record<keyof typeof broken, RegExp>> = {
  "no-controller": /no controller named "vmm"; there is "podsandbox", "shim"/,
  "no-shim": /no "containerd-shim-none-v1" in /,
  "no-shim-path": /"\/nowhere\/containerd-shim-x-v1" is not a program/,
  "no-runtime": /OCI runtime "\/nowhere\/crun" is not installed/,
  "bad-options": /unknown key "NoSuchKey"; known are NoPivotRoot/,
  "no-network": /cni_conf_dir "\/nowhere\/net.d".*ENOENT/,
};

test("handlers that cannot run pods cost the others nothing", needsRoot, async (t) => {
  const node = await startNode(t, { config: () => ({ runtimes: broken }) });

  await t.test("Status offers those that can, and tells what is wrong with the others", async () => {
    const { runtimeHandlers, status } = await node.cri.runtime.status({});
    deepEqual(runtimeHandlers.map(({ name }) => name).toSorted(), ["", "paused", "runc"]);
    ok(status?.conditions.every(({ status }) => status));
    const told = await toldHandlers(node);
    for (const [name, reason] of Object.entries(reasons)) {
      equal(told.get(name)?.usable, false, name);
      match(told.get(name)?.reason ?? "", reason);
    }
    deepEqual([told.get("runc")?.usable, told.get("runc")?.default], [true, true]);
    for (const name of Object.keys(broken)) {
      ok(
        node
          .log()
          .split("\n")
          .some((line) => line.includes("handler cannot be used") && line.includes(`"${name}"`)),
      );
    }
  });

  await t.test("RunPodSandbox is refused with the reason, and makes nothing", async () => {
    for (const [name, reason] of Object.entries(reasons)) {
      const refused = node.runPod({ handler: name });
      await rejects(refused, { code: Code.FailedPrecondition, message: reason });
    }
    await rejects(node.runPod({ handler: "nobodys" }), { code: Code.InvalidArgument });
    equal((await node.list()).size, 0);
    const pod = await node.runPod({ handler: "paused" });
    ok((await pod.address()).startsWith(node.lane.prefix));
  });
});

/** What `crib reload` prints, and what it ends with. */
async function reload(
  node: Node,
): Promise<{ readonly lines: readonly string[]; readonly exitCode: number | undefined }> {
  const { stdout, stderr, exitCode } = await runCrib(node, "reload");
  return { lines: `${stdout}${stderr}`.split("\n").filter(Boolean), exitCode };
}

test("a changed configuration takes effect as far as no pod stands in the way", needsRoot, async (t) => {
  const node = await startNode(t, {
    config: () => ({ runtimes: { used: { pause: "always" }, unused: { pause: "always" }, changed: {} } }),
  });
  const used = await node.runPod({ handler: "used" });
  const ownDir = join(node.lane.dir, "own.d");
  mkdirSync(ownDir);
  copyFileSync(join(node.cniConfDir, "10-pods.conflist"), join(ownDir, "10-pods.conflist"));
  const before = readFileSync(node.configFile, "utf8");
  const writeRuntimes = (runtimes: Readonly<Record<string, TomlValue>>, more = ""): void => {
    const others = before.split("\n").filter((line) => !line.startsWith('"runtimes"'));
    writeFileSync(node.configFile, `${toToml({ runtimes })}${others.join("\n")}${more}`);
  };

  await t.test("a file with a mistake changes nothing, and says what is wrong", async () => {
    writeRuntimes({ runc: { controler: "shim" }, added: {} });
    const { lines, exitCode } = await reload(node);
    equal(exitCode, 1);
    match(lines.join(), /unknown key controler in \[runtimes.runc\]; did you mean controller\?/);
    ok(!(await toldHandlers(node)).has("added"));
  });

  await t.test("what no pod uses changes at once, the rest is named", async () => {
    const runtimes = {
      runc: {},
      changed: { pause: "always" },
      added: { cni_conf_dir: ownDir },
      wrong: broken["no-shim"],
    };
    writeRuntimes(runtimes, '"metrics" = { "address" = "127.0.0.1:1" }\n');
    const { lines, exitCode } = await reload(node);
    equal(exitCode, 0);
    deepEqual(
      lines.slice(0, -1).toSorted(),
      [
        'runtime handler "changed": changed',
        'runtime handler "added": added',
        'runtime handler "wrong": added',
        'runtime handler "unused": removed',
        'runtime handler "paused": removed',
        'kept: runtime handler "used": not removed, a pod uses it',
        "needs a restart: [metrics] address",
      ].toSorted(),
    );
    match(lines.at(-1) ?? "", /^broken: runtime handler "wrong": looking for a shim: no "containerd-shim-none-v1"/);
    deepEqual([...(await toldHandlers(node)).keys()], ["added", "changed", "runc", "used", "wrong"]);
    await rejects(node.runPod({ handler: "unused" }), { code: Code.InvalidArgument });
    const [changed, added] = await Promise.all(["changed", "added"].map((handler) => node.runPod({ handler })));
    equal((await changed?.info())?.processStatus, "running");
    ok((await added?.address())?.startsWith(node.lane.prefix));
    await Promise.all([changed?.remove(), added?.remove()]);
  });

  await t.test("SIGHUP does the same, and a pod that went lets its handler go", async () => {
    equal((await used.info()).processStatus, "running");
    await used.remove();
    node.daemon.signal("SIGHUP");
    await eventually(5_000, async () => ok(!(await toldHandlers(node)).has("used")));
    match(node.log(), /configuration is read again/);
  });

  await t.test("pods that are made meanwhile are whole", async () => {
    const makePods = async (): Promise<void> => {
      for (let count = 0; count < 4; count++) await (await node.runPod({ handler: "changed" })).remove();
    };
    const reloads = async (): Promise<void> => {
      for (const pause of ["auto", "always", "auto", "always"]) {
        writeRuntimes({ runc: {}, changed: { pause }, added: {} });
        equal((await reload(node)).exitCode, 0);
      }
    };
    await Promise.all([makePods(), reloads()]);
    equal((await node.list()).size, 0);
  });
});

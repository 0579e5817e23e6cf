import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { eventually } from "../support/eventually.ts";
import type { Lane } from "../support/lane.ts";
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

/** Where the OCI runtime of a handler is, which is not there in the beginning. */
const wrapper = (lane: Lane): string => join(lane.dir, "runc-wrapper");

/** A runc that says it has another version than it has. */
function runcOfVersion({ dir }: Lane, version: string): { readonly BinaryName: string } {
  const path = join(dir, `runc-${version}`);
  const script = `[ "$1" != --version ] || { echo runc version ${version}; exit; }`;
  writeFileSync(path, `#!/bin/sh\n${script}\nexec runc "$@"\n`, { mode: 0o755 });
  return { BinaryName: path };
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
  const node = await startNode(t, {
    config: (lane) => ({
      runtimes: {
        ...broken,
        choosing: { networks: [lane.bridge, "nowhere"] },
        told: { features: { user_namespaces: true, recursive_read_only_mounts: true } },
        remote: { controller: "away" },
        wrapped: { pause: "always", options: { BinaryName: wrapper(lane) } },
        old: { old_runtime: "refuse", options: runcOfVersion(lane, "1.3.2") },
        fixed: { old_runtime: "refuse", pause: "always", options: runcOfVersion(lane, "1.5.0") },
        warned: { options: runcOfVersion(lane, "1.3.5") },
      },
      sandboxers: { away: { address: "/nowhere/sandboxer.sock" } },
    }),
  });

  await t.test("Status offers those that can, and tells what is wrong with the others", async () => {
    const { runtimeHandlers, status } = await node.cri.runtime.status({});
    deepEqual(runtimeHandlers.map(({ name }) => name).toSorted(), [
      "",
      "choosing",
      "fixed",
      "paused",
      "remote",
      "runc",
      "told",
      "warned",
    ]);
    ok(status?.conditions.every(({ status }) => status));
    const features = new Map(runtimeHandlers.map((one) => [one.name, one.features]));
    ok(features.get("told")?.userNamespaces && features.get("told")?.recursiveReadOnlyMounts);
    ok(!features.get("remote")?.userNamespaces && !features.get("remote")?.recursiveReadOnlyMounts);
    const told = await toldHandlers(node);
    for (const [name, reason] of Object.entries(reasons)) {
      equal(told.get(name)?.usable, false, name);
      match(told.get(name)?.reason ?? "", reason);
    }
    deepEqual([told.get("runc")?.usable, told.get("runc")?.default], [true, true]);
    for (const name of Object.keys(broken)) {
      await eventually(10_000, () =>
        ok(
          node
            .log()
            .split("\n")
            .some((line) => line.includes("handler cannot be used") && line.includes(`"${name}"`)),
        ),
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

  await t.test("an OCI runtime that is installed later is found, and is the one that is run", async () => {
    const path = wrapper(node.lane);
    writeFileSync(path, `#!/bin/sh\necho "$@" >> ${path}.calls\nexec runc "$@"\n`);
    chmodSync(path, 0o755);
    equal((await reload(node)).exitCode, 0);
    const pod = await node.runPod({ handler: "wrapped" });
    equal((await pod.info()).processStatus, "running");
    match(readFileSync(`${path}.calls`, "utf8"), new RegExp(`create.*${pod.id}`));
  });

  await t.test(
    "an OCI runtime without the fixes of known vulnerabilities runs no pods where that is refused",
    async () => {
      const reason =
        /runc-1\.3\.2" is 1\.3\.2: CVE-2025-31133 is fixed in 1\.2\.8 or 1\.3\.3 or 1\.4\.0-rc\.3; .*CVE-2026-41579/;
      await rejects(node.runPod({ handler: "old" }), { code: Code.FailedPrecondition, message: reason });
      const told = await toldHandlers(node);
      equal(told.get("old")?.usable, false);
      match(told.get("old")?.reason ?? "", reason);
      const pod = await node.runPod({ handler: "fixed" });
      equal((await pod.info()).processStatus, "running");
      await pod.remove();
      equal(told.get("warned")?.usable, true);
      await eventually(10_000, () => {
        const warnings = node
          .log()
          .split("\n")
          .filter((line) => line.includes("its OCI runtime is old"));
        const named = (handler: string): boolean => warnings.some((line) => line.includes(`"${handler}"`));
        deepEqual([named("warned"), named("fixed"), named("old")], [true, false, false]);
        ok(warnings.some((line) => line.includes("1.3.5: CVE-2026-41579 is fixed in 1.3.6 or")));
      });
    },
  );

  await t.test("a sandboxer that is not there fails its own pods only", async () => {
    const refused = node.runPod({ handler: "remote" });
    await rejects(refused, { code: Code.Unavailable, message: /\/nowhere\/sandboxer\.sock/ });
    equal((await node.list()).size, 2);
  });

  await t.test("crib doctor reports each of them", async () => {
    const { stdout, exitCode } = await runCrib(node, "doctor", "--json", "--config", node.configFile);
    equal(exitCode, 1);
    const results = JSON.parse(stdout) as readonly {
      readonly check: string;
      readonly level: string;
      readonly what: string;
      readonly advice?: string;
    }[];
    const failed = results.filter(({ level }) => level === "fail").map(({ check, what }) => `${check}: ${what}`);
    for (const [name, reason] of Object.entries(reasons)) {
      ok(
        failed.some((line) => line.startsWith(`runtime handlers: ${name}: `) && reason.test(line)),
        name,
      );
    }
    ok(failed.some((line) => /^runtime handlers: old: .*1\.3\.2: CVE-2025-31133/.test(line)));
    const warned = results.find(({ what }) => /runc-1\.3\.5 1\.3\.5: CVE-2026-41579/.test(what));
    deepEqual([warned?.check, warned?.level], ["oci runtime", "warn"]);
    match(warned?.advice ?? "", /upgrade to 1\.3\.6 or .*old_runtime = "refuse"/);
    ok(failed.some((line) => line.startsWith('cni: pods of runtime handler "choosing" may choose network "nowhere"')));
    ok(!failed.some((line) => line.includes(`may choose network "${node.lane.bridge}"`)));
    ok(failed.some((line) => line.startsWith("sandboxers: away at /nowhere/sandboxer.sock: ")));
    ok(
      results.some(
        ({ check, level, what }) => check === "runtime handlers" && level === "ok" && what === "runc: podsandbox",
      ),
    );
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
    await eventually(10_000, async () => ok(!(await toldHandlers(node)).has("used")));
    await eventually(10_000, () => match(node.log(), /configuration is read again/));
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

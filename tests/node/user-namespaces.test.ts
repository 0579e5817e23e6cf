import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { chmodSync, existsSync, globSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext, type TestOptions } from "node:test";

import { Code } from "@crib/errdefs";
import { NamespaceMode } from "@crib/wire/cri";

import { eventually } from "../support/eventually.ts";
import type { Lane } from "../support/lane.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node, PodOptions } from "../support/node.ts";
import { type PodConfig, securityContext, type SharedNamespaces } from "../support/pod-config.ts";
import type { Pod } from "../support/pod.ts";
import { outputOf } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

/** The runc of the distribution may be too old for Status to offer user namespaces; this one is fetched by scripts/fetch-shims. */
const [runc] = globSync(join(import.meta.dirname, "../../.tools/runc/*/runc"));
const needsRunc: TestOptions =
  runc === undefined && process.env["CI"] !== "true"
    ? { skip: "no runc that offers user namespaces in .tools/runc" }
    : needsRoot;

const { POD, NODE } = NamespaceMode;
const uidBase = 700_000;
const gidBase = 800_000;

/** What a pod of these tests is like. */
interface MappedPod {
  /** Default `mapped`. */
  readonly handler?: string;
  readonly shared?: SharedNamespaces;
  /** How many ids there are. Default 65,536. */
  readonly length?: number;
  readonly sysctls?: Readonly<Record<string, string>>;
}

/** A pod with a user namespace. */
function mapped({ handler = "mapped", shared = {}, length = 65_536, sysctls = {} }: MappedPod = {}): PodOptions {
  return {
    handler,
    change: (config): PodConfig => {
      const context = securityContext(shared);
      const { network = POD, pid = NamespaceMode.CONTAINER, ipc = POD } = shared;
      const usernsOptions = {
        mode: POD,
        uids: [{ containerId: 0, hostId: uidBase, length }],
        gids: [{ containerId: 0, hostId: gidBase, length }],
      };
      const namespaceOptions = { network, pid, ipc, usernsOptions };
      return { ...config, linux: { ...config.linux, sysctls, securityContext: { ...context, namespaceOptions } } };
    },
  };
}

/** A node whose handlers `mapped` and `kept` (pause = "always") run this runc. */
function startMappedNode(
  t: TestContext,
  binary: (lane: Lane) => string = () => runc ?? "",
  faults?: string,
): Promise<Node> {
  return startNode(t, {
    config: (lane) => {
      const options = { BinaryName: binary(lane) };
      return { runtimes: { mapped: { options }, kept: { pause: "always", options } } };
    },
    ...(faults === undefined ? {} : { faults }),
  });
}

/** A runc of another version, which offers what the fetched one offers. */
function disguise(lane: Lane, binary: string): string {
  return script(lane, `if [ "$1" = features ]; then exec ${runc} features; fi\nexec ${binary} "$@"`);
}

/** Writes a program that stands for a runc. */
function script(lane: Lane, text: string): string {
  const path = join(lane.dir, "runc");
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Runs a program as root of a pod's user namespace, inside its other namespaces too. */
async function asMappedRoot(pod: Pod, script: string): Promise<string> {
  const { namespaces } = await pod.info();
  const entered = Object.entries(namespaces).map(([kind, path]) => `--${kind}=${path}`);
  return (await outputOf("nsenter", ...entered, "--setuid=0", "--setgid=0", "sh", "-ec", script)).trim();
}

function idMaps(pod: Pod): Promise<string> {
  return asMappedRoot(pod, "cat /proc/self/uid_map /proc/self/gid_map | tr -s ' ' | sed 's/^ //'");
}

test("the namespaces of a pod belong to its user namespace, without any process", needsRunc, async (t) => {
  const node = await startMappedNode(t);
  const pod = await node.runPod(mapped());
  equal((await pod.info()).pid, 0);
  equal(await idMaps(pod), `0 ${uidBase} 65536\n0 ${gidBase} 65536`);
  // Only a root whose user namespace owns the others may do each of these; none of it reaches the host.
  const host = readFileSync("/proc/sys/kernel/msgmax", "utf8");
  const done = await asMappedRoot(
    pod,
    "hostname inside; hostname; ip link set lo mtu 1400; cat /sys/class/net/lo/mtu 2>/dev/null >&2 || :; echo 4321 > /proc/sys/kernel/msgmax; cat /proc/sys/kernel/msgmax",
  );
  equal(done, "inside\n4321");
  equal(readFileSync("/proc/sys/kernel/msgmax", "utf8"), host);
  const { stdout } = await pod.exec(["ip", "-brief", "address"]);
  match(stdout, /^lo .*127\.0\.0\.1/m);
  ok(stdout.includes(`${await pod.address()}/`), stdout);
  const other = await node.runPod();
  await pod.exec(["ping", "-c", "1", "-W", "5", await other.address()]);
});

test("shm is a tmpfs of the pod's root", needsRunc, async (t) => {
  const node = await startMappedNode(t);
  const pod = await node.runPod(mapped());
  const { uid, gid, mode } = statSync(join(node.state, "sandboxes", pod.id, "shm"));
  deepEqual([uid, gid, mode & 0o7777], [uidBase, gidBase, 0o1777]);
});

test("the default sysctl that needs all groups is left out; those asked for are set", needsRunc, async (t) => {
  const node = await startMappedNode(t);
  const pod = await node.runPod(mapped({ sysctls: { "net.ipv4.ip_forward": "1", "kernel.shmmni": "77" } }));
  const read = "cd /proc/sys; cat net/ipv4/ip_unprivileged_port_start net/ipv4/ip_forward kernel/shmmni";
  equal(await asMappedRoot(pod, read), "0\n1\n77");
  // The kernel's own, which is no group at all.
  match((await pod.exec(["cat", "/proc/sys/net/ipv4/ping_group_range"])).stdout, /^1\s+0$/m);
});

const withPause: Readonly<Record<string, MappedPod>> = {
  "a shared PID namespace": { shared: { pid: POD } },
  "a handler that always wants it": { handler: "kept" },
  "one id only": { shared: { pid: POD }, length: 1 },
  "the host's network": { shared: { network: NODE, pid: POD } },
  "the host's IPC": { shared: { ipc: NODE, pid: POD } },
  "the host's PIDs": { handler: "kept", shared: { pid: NODE } },
  "the host's everything": { handler: "kept", shared: { network: NODE, ipc: NODE, pid: NODE } },
};

for (const [version, binary] of [
  ["recent", () => runc ?? ""],
  ["the distribution's", (lane: Lane) => disguise(lane, "runc")],
] as const) {
  test(`the pause process is in the user namespace (runc: ${version})`, needsRunc, async (t) => {
    const node = await startMappedNode(t, binary);
    for (const [name, pod] of Object.entries(withPause)) await t.test(name, () => checkPause(node, pod));
  });
}

async function checkPause(node: Node, asked: MappedPod): Promise<void> {
  const { shared = {}, length = 65_536 } = asked;
  const pod = await node.runPod(mapped(asked));
  const { pid, namespaces } = await pod.info();
  ok(pid > 0);
  const proc = `/proc/${pid}`;
  deepEqual(readFileSync(`${proc}/uid_map`, "utf8").trim().split(/\s+/), ["0", `${uidBase}`, `${length}`]);
  deepEqual(readFileSync(`${proc}/gid_map`, "utf8").trim().split(/\s+/), ["0", `${gidBase}`, `${length}`]);
  const uid = readFileSync(`${proc}/status`, "utf8").match(/^Uid:\s+(\d+)/m)?.[1];
  equal(Number(uid), uidBase + (length > 65_535 ? 65_535 : 0));
  for (const [kind, path] of Object.entries(namespaces))
    equal(readlinkSync(`${proc}/ns/${kind}`), `${kind}:[${statSync(path).ino}]`);
  const isHosts = (kind: string): boolean =>
    readlinkSync(`${proc}/ns/${kind}`) === readlinkSync(`/proc/self/ns/${kind}`);
  equal(isHosts("net"), shared.network === NODE);
  equal(isHosts("ipc"), shared.ipc === NODE);
  equal(isHosts("pid"), shared.pid === NODE);
  await pod.stop();
  equal(existsSync(proc), false);
  await pod.remove();
  deepEqual(await node.leftovers(), []);
}

test("a pod with the host's network has its own user namespace, which owns its ipc", needsRunc, async (t) => {
  const node = await startMappedNode(t);
  const pod = await node.runPod(mapped({ shared: { network: NODE } }));
  const { namespaces } = await pod.info();
  deepEqual(Object.keys(namespaces).toSorted(), ["ipc", "user"]);
  equal(await asMappedRoot(pod, "echo 4322 > /proc/sys/kernel/msgmax; cat /proc/sys/kernel/msgmax"), "4322");
  equal(await asMappedRoot(pod, "readlink /proc/self/ns/net"), readlinkSync("/proc/self/ns/net"));
});

test("Status offers user namespaces where the runtime has them; elsewhere they are refused", needsRunc, async (t) => {
  const node = await startNode(t, {
    config: (lane) => ({
      runtimes: {
        mapped: { options: { BinaryName: runc ?? "" } },
        without: { options: { BinaryName: script(lane, "exit 1") } },
        unknown: { runtime_type: "io.containerd.kata.v2", runtime_path: script(lane, "exit 1") },
      },
    }),
  });
  const { runtimeHandlers } = await node.cri.runtime.status({});
  const offers = Object.fromEntries(runtimeHandlers.map(({ name, features }) => [name, features?.userNamespaces]));
  deepEqual([offers["mapped"], offers["without"], offers["unknown"]], [true, false, false]);
  for (const handler of ["without", "unknown"]) {
    await rejects(node.runPod(mapped({ handler })), {
      code: Code.InvalidArgument,
      message: new RegExp(`handler "${handler}" has no user namespaces`),
    });
  }
  equal((await node.list()).size, 0);
});

test("SIGKILL of the daemon keeps the pods, with pause and without", needsRunc, async (t) => {
  const node = await startMappedNode(t);
  const pods = [await node.runPod(mapped()), await node.runPod(mapped({ shared: { pid: POD } }))];
  const look = async (pod: Pod): Promise<readonly unknown[]> => [
    await pod.address(),
    (await pod.info()).pid,
    await idMaps(pod),
  ];
  const before = await Promise.all(pods.map(look));
  await node.kill();
  await node.restart();
  deepEqual([...(await node.list()).values()], ["READY", "READY"]);
  deepEqual(await Promise.all(pods.map(look)), before);
});

test(
  "a pod whose shim dies is not ready, and its removal takes the mount of its root file system away",
  needsRunc,
  async (t) => {
    const node = await startMappedNode(t);
    const pod = await node.runPod(mapped({ shared: { pid: POD } }));
    const rootfs = join(node.state, "tasks", pod.id, "rootfs");
    const isMounted = (): boolean => readFileSync("/proc/self/mounts", "utf8").includes(` ${rootfs} `);
    ok(isMounted());
    const shims = (await outputOf("pgrep", "-f", `containerd-shim-runc-v2 .*-id ${pod.id}`)).trim().split("\n");
    equal(shims.length, 1);
    // The pod's id in its command line makes it this test's own.
    process.kill(Number(shims[0]), "SIGKILL");
    await eventually(10_000, async () => equal((await node.list()).get(pod.id), "NOTREADY"));
    await pod.remove();
    equal(isMounted(), false);
    deepEqual(await node.leftovers(), []);
  },
);

for (const place of [
  "namespaces.pin@before",
  "namespaces.pin@inside",
  "namespaces.pin@after",
  "sandbox.start@inside",
]) {
  test(`SIGKILL of the daemon at ${place} leaves nothing, and the request can be repeated`, needsRunc, async (t) => {
    const options = mapped({ shared: { pid: POD } });
    const node = await startMappedNode(t, undefined, `RunPodSandbox/${place}=kill`);
    const config = node.podConfig(options);
    const run = async (): Promise<string> =>
      (await node.cri.runtime.runPodSandbox({ config, runtimeHandler: "mapped" })).podSandboxId;
    await rejects(run());
    equal((await node.daemon.ended).signal, "SIGKILL");
    await node.restart();
    const pod = node.pod(await run(), config, "mapped");
    deepEqual([...(await node.list())], [[pod.id, "READY"]]);
    await pod.remove();
    deepEqual(await node.leftovers(), []);
    deepEqual(await node.leaks(), []);
  });
}

test("a helper that hangs is ended within the step's budget", needsRunc, async (t) => {
  const node = await startNode(t, {
    config: () => ({
      runtimes: { mapped: { options: { BinaryName: runc ?? "" } } },
      flow: { budgets: { "namespaces.pin": "500ms" } },
    }),
    faults: "RunPodSandbox/namespaces.pin@inside=hang*1",
  });
  await rejects(node.runPod(mapped()), { code: Code.DeadlineExceeded });
  deepEqual(await node.leftovers(), []);
});

import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import { cgroupLayout } from "@crib/linux";
import { connectStubPlugin, type StubPlugin } from "@crib/nri/testing";
import { type ContainerAdjustmentSchema, IOPrioClass, LinuxSchedulerPolicy } from "@crib/wire/nri";

import { type CgroupLimit, isUnified, readCgroupLimit } from "../support/containers/cgroup-file.ts";
import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { Container, ContainerConfig } from "../support/containers/container.ts";
import { deviceNumberOf } from "../support/containers/device-number.ts";
import { endAfter } from "../support/end-after.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { outputOf } from "../support/run-program.ts";

const mebibyte = 2 ** 20;
/** A runc that schedules processes; fetched by scripts/fetch-shims. */
const [recentRunc] = globSync(join(import.meta.dirname, "../../.tools/runc/*/runc"));
const needsRunc =
  recentRunc === undefined && process.env["CI"] !== "true" ? { skip: "no runc that schedules in .tools/runc" } : {};
/** A block device that is always there, whether or not anything is in it. */
const disk = "/dev/loop0";
const limitsSwap = isUnified || existsSync("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes");
/** Runtimes do not use what version 2 has beside trees of version 1. */
const limitsHugePages = cgroupLayout().hierarchies.some(
  ({ controllers, unified }) => unified === isUnified && controllers.includes("hugetlb"),
);

const files = {
  memory: { controller: "memory", v1: "memory.limit_in_bytes", v2: "memory.max" },
  swap: { controller: "memory", v1: "memory.memsw.limit_in_bytes", v2: "memory.swap.max" },
  hugePages: { controller: "hugetlb", v1: "hugetlb.2MB.limit_in_bytes", v2: "hugetlb.2MB.max" },
  readBytes: { controller: "blkio", v1: "blkio.throttle.read_bps_device", v2: "io.max" },
  writes: { controller: "blkio", v1: "blkio.throttle.write_iops_device", v2: "io.max" },
} as const satisfies Readonly<Record<string, CgroupLimit>>;

const withLimits =
  (resources: object) =>
  (config: ContainerConfig): ContainerConfig =>
    Object.assign({}, config, { linux: { ...config.linux, resources } });
const withAnnotations =
  (annotations: Readonly<Record<string, string>>) =>
  (config: ContainerConfig): ContainerConfig => ({ ...config, annotations });

/** Memory and swap together, as version 1 counts them. */
function memoryAndSwap({ node }: ContainerNode, container: Container): number {
  const swap = Number(readCgroupLimit(node, container, files.swap));
  return isUnified ? swap + Number(readCgroupLimit(node, container, files.memory)) : swap;
}

/** What is limited of the test's block device; undefined when nothing is. */
function limitsOfDisk({ node }: ContainerNode, container: Container): readonly (string | undefined)[] {
  const { major, minor } = deviceNumberOf(disk);
  const values = (file: CgroupLimit, key: string): string | undefined =>
    new RegExp(`^${major}:${minor} ${isUnified ? `.*${key}=` : ""}(\\d+)`, "m").exec(
      readCgroupLimit(node, container, file),
    )?.[1];
  return [values(files.readBytes, "rbps"), values(files.writes, "wiops")];
}

/** The limit of huge pages of 2 MiB; on a host that cannot limit them, that of the specification, which must then be none. */
async function hugePages({ node }: ContainerNode, container: Container): Promise<string | undefined> {
  if (limitsHugePages) return readCgroupLimit(node, container, files.hugePages);
  const { runtimeSpec } = (await container.info()) as {
    readonly runtimeSpec: { readonly linux: { readonly resources: { readonly hugepageLimits?: object } } };
  };
  equal(runtimeSpec.linux.resources.hugepageLimits, undefined);
  return undefined;
}

/** Connects a plugin that adjusts containers as they are made. */
async function adjusting(
  t: TestContext,
  { node }: ContainerNode,
  adjust: MessageInitShape<typeof ContainerAdjustmentSchema>,
): Promise<StubPlugin> {
  const plugin = await connectStubPlugin(join(node.state, "nri.sock"), {
    events: ["CreateContainer"],
    on: { createContainer: () => ({ adjust }) },
  });
  endAfter(t, () => plugin.close());
  await plugin.synchronized;
  return plugin;
}

test("limits of containers, as the host finds them", needsRoot, async (t) => {
  const scene = await startContainerNode(t, {
    config: ({ dir }) => ({
      containers: { blockio_config_file: join(dir, "blockio.yaml"), cdi_spec_dirs: [join(dir, "cdi")] },
      runtimes: { recent: { options: { BinaryName: recentRunc ?? "" } } },
    }),
  });
  const { node } = scene;
  const slow = { Devices: [disk, "/dev/crib-has-none*"], ThrottleReadBps: "3M", ThrottleWriteIOPS: "40" };
  const classes = { slow: [slow], slower: [{ ...slow, ThrottleReadBps: "1Mi" }] };
  writeFileSync(join(node.lane.dir, "blockio.yaml"), JSON.stringify({ Classes: classes }));
  const pod = await node.runPod();
  const run = (change: (config: ContainerConfig) => ContainerConfig): Promise<Container> =>
    scene.runContainer(pod, { change });

  await t.test("memory and swap together, at the start and when they are changed", async () => {
    const memoryLimitInBytes = BigInt(64 * mebibyte);
    const plain = await run(withLimits({ memoryLimitInBytes }));
    const container = await run(withLimits({ memoryLimitInBytes, memorySwapLimitInBytes: BigInt(96 * mebibyte) }));
    equal(readCgroupLimit(node, container, files.memory), `${64 * mebibyte}`);
    if (limitsSwap) {
      // Without a limit of their own they have that of memory: nothing is swapped.
      deepEqual([memoryAndSwap(scene, plain), memoryAndSwap(scene, container)], [64 * mebibyte, 96 * mebibyte]);
    } else t.diagnostic("this kernel does not count swap");
    const linux = { memoryLimitInBytes: BigInt(80 * mebibyte), memorySwapLimitInBytes: BigInt(128 * mebibyte) };
    await node.cri.runtime.updateContainerResources({ containerId: container.id, linux });
    equal(readCgroupLimit(node, container, files.memory), `${80 * mebibyte}`);
    if (limitsSwap) equal(memoryAndSwap(scene, container), 128 * mebibyte);
    const below = { memoryLimitInBytes, memorySwapLimitInBytes: memoryLimitInBytes - 1n };
    await rejects(run(withLimits(below)), { code: Code.InvalidArgument });
    await container.remove();
    await plain.remove();
  });

  await t.test("huge pages, as far as the host can limit them", async () => {
    const hugepageLimits = [{ pageSize: "2MB", limit: BigInt(6 * mebibyte) }];
    const container = await run(withLimits({ hugepageLimits }));
    equal(await hugePages(scene, container), limitsHugePages ? `${6 * mebibyte}` : undefined);
    if (!limitsHugePages) t.diagnostic("runtimes on this host have no hugetlb controller");
    await container.remove();
  });

  await t.test("block I/O, by a class of the configuration", async () => {
    const container = await run(withAnnotations({ "io.kubernetes.cri.blockio-class": "slow" }));
    deepEqual(limitsOfDisk(scene, container), ["3000000", "40"]);
    const plain = await run(withAnnotations({}));
    deepEqual(limitsOfDisk(scene, plain), [undefined, undefined]);
    const wanted = { "io.kubernetes.cri.blockio-class": "fast" };
    await rejects(run(withAnnotations(wanted)), { code: Code.InvalidArgument, message: /"fast": no such class/ });
    await container.remove();
    await plain.remove();
  });

  await t.test("files of cgroup v2 by their names, where there are such", async () => {
    const container = withLimits({ unified: { "memory.high": `${32 * mebibyte}` } });
    if (isUnified) {
      const high = { controller: "", v1: "", v2: "memory.high" };
      equal(readCgroupLimit(node, await run(container), high), `${32 * mebibyte}`);
    } else await rejects(run(container), { code: Code.InvalidArgument, message: /unified.*no cgroup v2/ });
  });

  await t.test("those that an NRI plugin gives, and only while it is there", async (t) => {
    const plugin = await adjusting(t, scene, {
      CDIDevices: [{ name: "example.com/plugin=one" }],
      linux: {
        oomScoreAdj: { value: 654n },
        resources: {
          memory: { limit: { value: BigInt(64 * mebibyte) }, swap: { value: BigInt(96 * mebibyte) } },
          hugepageLimits: [{ pageSize: "2MB", limit: BigInt(8 * mebibyte) }],
          blockioClass: { value: "slower" },
          pids: { limit: 55n },
        },
      },
    });
    // What is asked for of a kind that the plugin decides is the plugin's to decide.
    const asked = withAnnotations({ "io.kubernetes.cri.blockio-class": "slow" });
    await rejects(run(asked), { code: Code.NotFound, message: /example\.com\/plugin=one/ });
    writeCdi(join(node.lane.dir, "cdi"));
    const container = await run(asked);
    equal(
      await container.sh("echo $PLUGIN; stat -c %t:%T /dev/plugin; cat /proc/1/oom_score_adj"),
      "brought\n1:5\n654\n",
    );
    deepEqual(limitsOfDisk(scene, container), [`${mebibyte}`, "40"]);
    equal(await hugePages(scene, container), limitsHugePages ? `${8 * mebibyte}` : undefined);
    equal(readCgroupLimit(node, container, { controller: "pids", v1: "pids.max", v2: "pids.max" }), "55");
    if (limitsSwap) equal(memoryAndSwap(scene, container), 96 * mebibyte);
    await container.remove();
    await plugin.close();
    const plain = await run(asked);
    equal(await plain.sh("echo $PLUGIN; ls /dev/plugin 2>/dev/null; true"), "\n");
    deepEqual(limitsOfDisk(scene, plain), ["3000000", "40"]);
    await plain.remove();
  });

  await t.test("how an NRI plugin has it scheduled, by a runtime that can", needsRunc, async (t) => {
    const plugin = await adjusting(t, scene, {
      linux: {
        ioPriority: { class: IOPrioClass.IOPRIO_CLASS_BE, priority: 6 },
        scheduler: { policy: LinuxSchedulerPolicy.SCHED_BATCH, nice: 5 },
      },
    });
    const recent = await node.runPod({ handler: "recent" });
    const container = await scene.runContainer(recent);
    const pid = `${(await container.info())["pid"] as number}`;
    equal(await outputOf("ionice", "-p", pid), "best-effort: prio 6\n");
    match(await outputOf("chrt", "-p", pid), /policy: SCHED_BATCH\n/);
    // The 19th field is the nice value, proc_pid_stat(5).
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ");
    equal(fields?.[16], "5");
    await plugin.close();
    await recent.remove();
  });

  await t.test("a class of RDT is refused where the host has none, whoever asks, and leaves nothing", async (t) => {
    const refused = { code: Code.FailedPrecondition, message: /RDT/ };
    await rejects(run(withAnnotations({ "io.kubernetes.cri.rdt-class": "gold" })), refused);
    const plugin = await adjusting(t, scene, { linux: { resources: { rdtClass: { value: "gold" } } } });
    await rejects(run(withAnnotations({})), refused);
    await plugin.close();
    // Runtimes leave out a group of a host that has none, and say nothing.
    const named = await adjusting(t, scene, { linux: { rdt: { closId: { value: "gold" } } } });
    if (!existsSync("/sys/fs/resctrl/schemata")) await rejects(run(withAnnotations({})), refused);
    await named.close();
    await eventually(10_000, async () => deepEqual(await node.leaks(), []));
    deepEqual((await node.cri.runtime.listContainers({})).containers, []);
    match(await (await run(withAnnotations({}))).sh("echo runs"), /runs/);
  });
});

/** A device that only the plugin of these tests names. */
function writeCdi(dir: string): void {
  const containerEdits = { env: ["PLUGIN=brought"], deviceNodes: [{ path: "/dev/plugin", hostPath: "/dev/zero" }] };
  const devices = [{ name: "one", containerEdits }];
  mkdirSync(dir);
  writeFileSync(join(dir, "plugin.json"), JSON.stringify({ cdiVersion: "0.6.0", kind: "example.com/plugin", devices }));
}

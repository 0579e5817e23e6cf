import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { chownSync, globSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestOptions } from "node:test";

import { Code } from "@crib/errdefs";
import { NamespaceMode } from "@crib/wire/cri";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { Container, ContainerConfig } from "../support/containers/container.ts";
import { needsRoot } from "../support/needs-root.ts";
import { type PodConfig, securityContext } from "../support/pod-config.ts";
import type { Pod } from "../support/pod.ts";

/** The runc of the distribution may be too old for user namespaces; this one is fetched by scripts/fetch-shims. */
const [runc] = globSync(join(import.meta.dirname, "../../.tools/runc/*/runc"));
const needsRunc: TestOptions =
  runc === undefined && process.env["CI"] !== "true"
    ? { skip: "no runc that offers user namespaces in .tools/runc" }
    : needsRoot;

const { POD, CONTAINER } = NamespaceMode;
const length = 65_536;
/** Two bases, so that a user's number is never taken for a group's. */
const uids = [{ containerId: 0, hostId: 700_000, length }];
const gids = [{ containerId: 0, hostId: 800_000, length }];
/** Who the kernel says owns what has no owner in a user namespace (user_namespaces(7)). */
const nobody = "65534:65534";

function runMappedPod({ node }: ContainerNode): Promise<Pod> {
  return node.runPod({
    handler: "mapped",
    change: (config): PodConfig => {
      const usernsOptions = { mode: POD, uids, gids };
      const namespaceOptions = { network: POD, pid: CONTAINER, ipc: POD, usernsOptions };
      return { ...config, linux: { ...config.linux, securityContext: { ...securityContext({}), namespaceOptions } } };
    },
  });
}

const withMount =
  (mount: object) =>
  (config: ContainerConfig): ContainerConfig => ({ ...config, mounts: [{ ...mount, containerPath: "/volume" }] });

/** A directory of the host: its root's own, with a file of root's, one of another, and a directory that anyone may write. */
function makeVolume(path: string): void {
  mkdirSync(join(path, "open"), { recursive: true, mode: 0o755 });
  writeFileSync(join(path, "of-root"), "root's\n", { mode: 0o600 });
  writeFileSync(join(path, "of-app"), "app's\n", { mode: 0o600 });
  chownSync(join(path, "of-app"), 1_000, 2_000);
  chownSync(join(path, "open"), 700_000, 800_000);
}

function owner(path: string): readonly [number, number] {
  const { uid, gid } = statSync(path);
  return [uid, gid];
}

/** Owners as the container sees them. */
async function ownersSeen(container: Container, ...names: readonly string[]): Promise<readonly string[]> {
  return (await container.sh(`cd /volume; stat -c %u:%g ${names.join(" ")}`)).trim().split("\n");
}

test("mounts of containers in a user namespace", needsRunc, async (t) => {
  const scene = await startContainerNode(t, {
    config: () => ({ runtimes: { mapped: { options: { BinaryName: runc ?? "" } } } }),
  });
  const hostPath = join(scene.node.lane.dir, "volume");
  makeVolume(hostPath);
  const pod = await runMappedPod(scene);
  const mapped = { hostPath, uidMappings: uids, gidMappings: gids };

  await t.test("the image is the container's own, and nothing of it is root's on the host", async () => {
    const container = await scene.runContainer(pod);
    equal(
      await container.sh("stat -c %u:%g / /bin /bin/busybox; touch /bin/new && stat -c %u:%g /bin/new"),
      "0:0\n".repeat(4),
    );
    const pid = (await container.info())["pid"] as number;
    // What the container's root makes belongs to a user of the host that has nothing else.
    deepEqual(owner(`/proc/${pid}/root/bin/new`), [700_000, 800_000]);
    await container.remove();
  });

  await t.test("with mappings: owners are the same inside and on the host's disk", async () => {
    const container = await scene.runContainer(pod, { change: withMount(mapped) });
    match(await container.sh("cat /proc/self/uid_map"), /^\s*0\s+700000\s+65536\n$/);
    deepEqual(await ownersSeen(container, ".", "of-root", "of-app"), ["0:0", "0:0", "1000:2000"]);
    // Its root reads and writes what is root's here, which it could not as user 700,000.
    equal(
      await container.sh("cat /volume/of-root; echo more >> /volume/of-root; cat /volume/of-app"),
      "root's\napp's\n",
    );
    await container.sh("touch /volume/by-root; touch /volume/by-app && chown 1234:2345 /volume/by-app");
    deepEqual(
      ["by-root", "by-app", "of-root"].map((name) => owner(join(hostPath, name))),
      [
        [0, 0],
        [1_234, 2_345],
        [0, 0],
      ],
    );
    // What no number of the container's stands for stays out of its reach.
    writeFileSync(join(hostPath, "of-other"), "", { mode: 0o600 });
    chownSync(join(hostPath, "of-other"), length + 5, length + 5);
    deepEqual(await ownersSeen(container, "of-other"), [nobody]);
    equal((await container.execSync(["cat", "/volume/of-other"])).exitCode, 1);
    await container.remove();
  });

  await t.test("without: the host's owners are nobody, and what is made is the namespace's", async () => {
    const container = await scene.runContainer(pod, { change: withMount({ hostPath }) });
    deepEqual(
      await ownersSeen(container, ".", "of-root", "of-app"),
      Array.from({ length: 3 }, () => nobody),
    );
    deepEqual(await ownersSeen(container, "open"), ["0:0"]);
    equal((await container.execSync(["cat", "/volume/of-root"])).exitCode, 1);
    equal((await container.execSync(["touch", "/volume/refused"])).exitCode, 1);
    await container.sh("touch /volume/open/by-root");
    deepEqual(owner(join(hostPath, "open", "by-root")), [700_000, 800_000]);
    await container.remove();
  });

  await t.test("a read-only one stays read-only", async () => {
    const container = await scene.runContainer(pod, { change: withMount({ ...mapped, readonly: true }) });
    deepEqual(await ownersSeen(container, "of-root"), ["0:0"]);
    match((await container.execSync(["touch", "/volume/x"])).stderr, /Read-only/);
    await container.remove();
  });

  await t.test("mappings of a pod without a user namespace, and half of them, are refused", async () => {
    const plain = await scene.node.runPod();
    const half = { hostPath, uidMappings: uids };
    for (const [where, mount] of [
      [plain, mapped],
      [pod, half],
    ] as const)
      await rejects(scene.createContainer(where, { change: withMount(mount) }), { code: Code.InvalidArgument });
  });
});

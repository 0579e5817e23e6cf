import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import { MountPropagation } from "@crib/wire/cri";

import { busyboxWith } from "../support/containers/busybox-with.ts";
import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { ContainerConfig } from "../support/containers/container.ts";
import { runScript } from "../support/containers/run-script.ts";
import { endAfter } from "../support/end-after.ts";
import { needsRoot } from "../support/needs-root.ts";
import { outputOf, runProgram } from "../support/run-program.ts";

const { PROPAGATION_BIDIRECTIONAL: both, PROPAGATION_HOST_TO_CONTAINER: inwards } = MountPropagation;
const invalid = { code: Code.InvalidArgument };
/** A runc that makes mounts read-only with all below them; fetched by scripts/fetch-shims. */
const [recentRunc = "runc"] = globSync(join(import.meta.dirname, "../../.tools/runc/*/runc"));

type Mounts = NonNullable<ContainerConfig["mounts"]>;

const withMounts =
  (...mounts: Mounts) =>
  (config: ContainerConfig): ContainerConfig => ({ ...config, mounts });

/** A file system of its own with this propagation, which is gone at the end of the test, when its pods are. */
async function mountAt(t: TestContext, { node }: ContainerNode, kind: "private" | "shared" | "slave"): Promise<string> {
  const path = mkdtempSync(join(node.lane.dir, `${kind}-`));
  endAfter(t, async () => {
    await node.removeAllPods();
    // A slave is mounted on what it is a slave of.
    for (const _ of kind === "slave" ? [1, 2] : [1]) await runProgram(["umount", "--recursive", path]);
  });
  await runProgram(["mount", "-t", "tmpfs", "tmpfs", path]);
  // A slave is one of a peer group that it gets from.
  if (kind === "slave") await runProgram(["mount", "--make-shared", path]);
  if (kind === "slave") await runProgram(["mount", "--bind", path, path]);
  await runProgram(["mount", `--make-${kind}`, path]);
  return path;
}

test("what is mounted into containers", needsRoot, async (t) => {
  const scene = await startContainerNode(t, {
    config: () => ({ runtimes: { recent: { options: { BinaryName: recentRunc } } } }),
  });
  const { node } = scene;
  const pod = await node.runPod();
  const dir = join(node.lane.dir, "mounted");
  mkdirSync(join(dir, "below"), { recursive: true });
  writeFileSync(join(dir, "file"), "of the host\n");

  await t.test("directories and files of the host, to be changed or not", async () => {
    const mounts = withMounts(
      { containerPath: "/rw", hostPath: dir },
      { containerPath: "/ro", hostPath: dir, readonly: true },
      { containerPath: "/rw/below/file", hostPath: join(dir, "file"), readonly: true },
      { containerPath: "/etc/hosts", hostPath: join(dir, "file") },
    );
    const script =
      "cat /ro/file /rw/below/file /etc/hosts; touch /rw/new; touch /ro/x && exit 5; echo x > /rw/below/file && exit 6; exit 0";
    equal(await runScript(scene, pod, script, { change: mounts }), "of the host\n".repeat(3));
    ok(existsSync(join(dir, "new")));
    equal(readFileSync(join(dir, "file"), "utf8"), "of the host\n");
  });

  await t.test(
    "a path of the host that is missing becomes a directory, one that is a link what it leads to",
    async () => {
      const hostPath = join(dir, "not", "there");
      equal(
        await runScript(scene, pod, "stat -c '%F %a' /x", { change: withMounts({ containerPath: "/x", hostPath }) }),
        "directory 755\n",
      );
      equal(statSync(join(dir, "not")).mode & 0o7777, 0o755);
      symlinkSync("file", join(dir, "link"));
      const change = withMounts({ containerPath: "/x", hostPath: join(dir, "link") });
      equal(await runScript(scene, pod, "cat /x", { change }), "of the host\n");
      const below = withMounts({ containerPath: "/x", hostPath: join(dir, "file", "below") });
      await rejects(scene.createContainer(pod, { change: below }));
    },
  );

  await t.test("propagation that the host does not have is refused", async () => {
    const places = { private: await mountAt(t, scene, "private"), slave: await mountAt(t, scene, "slave") };
    for (const [hostPath, propagation] of [
      [places.private, inwards],
      [places.private, both],
      [places.slave, both],
    ] as const) {
      const change = withMounts({ containerPath: "/x", hostPath, propagation });
      await rejects(scene.createContainer(pod, { change }), { code: Code.FailedPrecondition });
    }
  });

  await t.test("mounts of the host come into the container, and back only where that was asked for", async () => {
    const hostPath = await mountAt(t, scene, "shared");
    for (const name of ["in", "out"]) mkdirSync(join(hostPath, name));
    const container = await scene.runContainer(pod, {
      change: withMounts(
        { containerPath: "/private", hostPath },
        { containerPath: "/slave", hostPath, propagation: inwards },
        { containerPath: "/shared", hostPath, propagation: both },
      ),
    });
    await runProgram(["mount", "-t", "tmpfs", "tmpfs", join(hostPath, "in")]);
    writeFileSync(join(hostPath, "in", "later"), "");
    equal(
      await container.sh("ls /private/in /slave/in /shared/in"),
      "/private/in:\n\n/shared/in:\nlater\n\n/slave/in:\nlater\n",
    );
    const { pid } = (await container.info()) as { readonly pid: number };
    // The container itself may not mount; somebody in its mount namespace may.
    await runProgram(["nsenter", `--mount=/proc/${pid}/ns/mnt`, "mount", "-t", "tmpfs", "tmpfs", "/shared/out"]);
    match(await outputOf("cat", "/proc/self/mounts"), new RegExp(` ${join(hostPath, "out")} `));
    await runProgram(["nsenter", `--mount=/proc/${pid}/ns/mnt`, "umount", "/shared/out"]);
    await container.remove();
  });

  await t.test("read-only with all that is mounted below, where the runtime can, and refused where not", async () => {
    const hostPath = await mountAt(t, scene, "private");
    mkdirSync(join(hostPath, "inner"));
    await runProgram(["mount", "-t", "tmpfs", "tmpfs", join(hostPath, "inner")]);
    const { runtimeHandlers } = await node.cri.runtime.status({});
    for (const handler of ["runc", "recent"]) {
      const its = await node.runPod({ handler });
      const plain = withMounts({ containerPath: "/x", hostPath, readonly: true });
      equal(
        await runScript(scene, its, "touch /x/no 2>/dev/null; touch /x/inner/yes; ls /x /x/inner", { change: plain }),
        "/x:\ninner\n\n/x/inner:\nyes\n",
      );
      const change = withMounts({ containerPath: "/x", hostPath, readonly: true, recursiveReadOnly: true });
      const can = runtimeHandlers.find(({ name }) => name === handler)?.features?.recursiveReadOnlyMounts;
      if (can) equal(await runScript(scene, its, "touch /x/inner/no && exit 5; exit 0", { change }), "");
      else await rejects(scene.createContainer(its, { change }), invalid);
      await its.remove();
    }
    const rw = withMounts({ containerPath: "/x", hostPath, recursiveReadOnly: true });
    await rejects(scene.createContainer(pod, { change: rw }), invalid);
  });

  await t.test("images, whole or in part, which nobody can change", async () => {
    const entries = [
      { name: "data", type: "directory" },
      { name: "data/deep", type: "directory" },
      { name: "data/deep/file", content: "of the image\n" },
      { name: "out", type: "symlink", linkname: scene.canary.dir },
      { name: "up", type: "symlink", linkname: `${"../".repeat(24)}${scene.canary.dir}` },
    ];
    const name = scene.serve(busyboxWith(entries));
    const id = await scene.images.pull(name);
    const image = { image: name };
    const mount = { containerPath: "/image", hostPath: "", readonly: true, image };
    const container = await scene.runContainer(pod, {
      change: withMounts(
        mount,
        { ...mount, containerPath: "/part", imageSubPath: "data/deep" },
        { ...mount, containerPath: "/one", imageSubPath: "data/deep/file" },
      ),
    });
    equal(await container.sh("cat /image/data/deep/file /part/file /one"), "of the image\n".repeat(3));
    equal(await container.sh("touch /image/x /part/x /one 2>&1 | grep -c 'Read-only'"), "3\n");
    deepEqual(
      (await container.status()).mounts.map((one) => one.image?.imageRef),
      [id, id, id],
    );
    // What is in use stays, whoever removes the image.
    await scene.images.remove(name);
    equal(await container.sh("cat /part/file"), "of the image\n");
    await container.remove();
    await scene.images.pull(name);
    for (const imageSubPath of ["out", "up", "nothing"]) {
      const change = withMounts({ ...mount, imageSubPath });
      await rejects(scene.createContainer(pod, { change }), { code: Code.NotFound }, imageSubPath);
    }
    for (const wrong of [{ imageSubPath: "../x" }, { imageSubPath: "/data" }, { readonly: false }, { hostPath: dir }])
      await rejects(scene.createContainer(pod, { change: withMounts({ ...mount, ...wrong }) }), invalid);
    const missing = withMounts({ ...mount, image: { image: "sha256:" + "0".repeat(64) } });
    await rejects(scene.createContainer(pod, { change: missing }), { code: Code.NotFound });
    scene.expectUnharmed();
  });
});

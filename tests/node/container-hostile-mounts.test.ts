import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { busyboxWith } from "../support/containers/busybox-with.ts";
import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { ContainerConfig } from "../support/containers/container.ts";
import { runScript } from "../support/containers/run-script.ts";
import { searchCanary } from "../support/containers/search-canary.ts";
import { withSecurity } from "../support/containers/with-security.ts";
import { eventually } from "../support/eventually.ts";
import type { TarEntry } from "../support/images/tar-archive.ts";
import { needsRoot } from "../support/needs-root.ts";

const invalid = { code: Code.InvalidArgument };
const up = "../".repeat(24);
const link = (name: string, linkname: string): TarEntry => ({ name, type: "symlink", linkname });
const directory = (name: string): TarEntry => ({ name, type: "directory" });

type Mounts = NonNullable<ContainerConfig["mounts"]>;
const withMounts =
  (mounts: Mounts) =>
  (config: ContainerConfig): ContainerConfig => ({ ...config, mounts });

/** Mounts of the host, without those that are some container's or pod's own. */
function foreignMounts({ node, canary }: ContainerNode): readonly string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(canary.dir) || (path.startsWith(node.lane.dir) && !path.startsWith(node.state)))
    .filter((path) => !path.startsWith(join(node.lane.dir, "netns")));
}

test("no image has anything mounted, made or read outside of its root", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { canary, pull } = scene;
  const pod = await scene.node.runPod();
  const tell = (image: string, change?: (config: ContainerConfig) => ContainerConfig): Promise<string> =>
    runScript(scene, pod, searchCanary, { image, ...(change && { change }) });

  await t.test("the search finds what can be seen", async () => {
    const change = withMounts([{ containerPath: "/canary", hostPath: canary.dir, readonly: true }]);
    await rejects(tell(scene.busybox, change), /left with 9/);
  });

  await t.test("volumes of an image stay in its root (CVE-2022-23648)", async () => {
    const entries = [
      link("absolute", canary.subdir),
      link("upwards", `${up}${canary.subdir.slice(1)}`),
      link("parent", canary.dir),
      directory("loop"),
      link("loop/again", "again"),
      directory("plain"),
      link("plain/inner", canary.file),
    ];
    const paths = [
      `/${up}${canary.subdir.slice(1)}`,
      canary.dir,
      "/absolute",
      "/upwards",
      "/parent/etc",
      "/plain",
      "/plain/../../..",
      "relative/../../x",
      "/proc/self/root",
    ];
    for (const path of paths) {
      const image = await pull(busyboxWith(entries, { config: { Volumes: { [path]: {} } } }));
      if (path === "/plain/../../..") await rejects(scene.createContainer(pod, { image }), invalid, path);
      else if (path === "/proc/self/root") await tell(image).catch((reason: unknown) => match(String(reason), /proc/));
      else await tell(image);
      scene.expectUnharmed();
      deepEqual(foreignMounts(scene), []);
    }
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`/v${index}`, {}]));
    const image = await pull(busyboxWith([], { config: { Volumes: many } }));
    await rejects(scene.createContainer(pod, { image }), invalid);
  });

  await t.test("what is mounted for the pod follows no link of the image (CVE-2024-5154)", async () => {
    const roots: Readonly<Record<string, readonly TarEntry[]>> = {
      "/etc": [link("etc", canary.dir)],
      "/etc, upwards": [link("etc", `${up}${canary.dir.slice(1)}`)],
      "/etc/hosts and so on": ["hosts", "hostname", "resolv.conf", "mtab"].map((name) =>
        link(`etc/${name}`, canary.file),
      ),
      "/var and /mnt": [link("mnt", canary.dir), link("var", canary.subdir)],
      "in /dev": [
        ...["null", "console", "ptmx", "fd"].map((name) => link(`dev/${name}`, canary.file)),
        ...["pts", "shm", "mqueue"].map((name) => link(`dev/${name}`, canary.dir)),
      ],
      "in /sys and /proc": [link("sys/fs", canary.dir), link("proc/self", canary.dir)],
    };
    const mounted = join(scene.node.lane.dir, "mounted");
    mkdirSync(mounted);
    for (const [name, entries] of Object.entries(roots)) {
      const image = await pull(busyboxWith(entries));
      for (const tty of [false, true]) {
        await tell(image, (config) => ({
          ...config,
          tty,
          mounts: ["/etc/more", "/mnt/more/x", "/var/more"].map((containerPath) => ({
            containerPath,
            hostPath: mounted,
          })),
        })).catch((reason: unknown) => {
          throw new Error(`${name}, ${tty ? "with" : "without"} a terminal`, { cause: reason });
        });
        scene.expectUnharmed();
        deepEqual(foreignMounts(scene), [], name);
      }
      await scene.images.remove(image);
    }
  });

  await t.test("an image with something else than directories for the kernel's file systems is refused", async () => {
    for (const name of ["dev", "proc", "sys"]) {
      for (const entry of [
        link(name, canary.dir),
        link(name, `${up}${canary.dir.slice(1)}`),
        link(name, "tmp"),
        { name },
      ]) {
        const image = await pull(busyboxWith([entry]));
        await rejects(scene.createContainer(pod, { image }), invalid, name);
        scene.expectUnharmed();
        await scene.images.remove(image);
      }
    }
  });

  await t.test("a mount in the place of a file of the pod is left as it is (CVE-2021-43816)", async () => {
    const selinuxOptions = { user: "", role: "", type: "svirt_sandbox_file_t", level: "s0:c1,c2" };
    for (const containerPath of ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log"]) {
      const mounts = [{ containerPath, hostPath: canary.file, selinuxRelabel: true }];
      const change = (config: ContainerConfig): ContainerConfig =>
        withSecurity({ selinuxOptions })({ ...config, mounts });
      equal(await runScript(scene, pod, `cat ${containerPath}`, { change }), readFileSync(canary.file, "utf8"));
      scene.expectUnharmed();
    }
  });

  await t.test("a mount's place in the container is plain and absolute", async () => {
    const { file: hostPath } = canary;
    for (const containerPath of ["", "/", "relative", `/${up}etc`, "/a/../b", "/a\0b", "//", "/./"])
      await rejects(scene.createContainer(pod, { change: withMounts([{ containerPath, hostPath }]) }), invalid);
    for (const wrong of ["relative", "/a\0b", "", `/tmp/../${canary.file}`])
      await rejects(
        scene.createContainer(pod, { change: withMounts([{ containerPath: "/x", hostPath: wrong }]) }),
        invalid,
      );
    scene.expectUnharmed();
  });

  await t.test("a volume that is declared has what the image has there, for one container only", async () => {
    const entries = [
      { ...directory("data"), uid: 5, gid: 6, mode: 0o751 },
      { name: "data/file", content: "from the image\n", uid: 7, mode: 0o640 },
      link("data/link", "file"),
    ];
    const image = await pull(busyboxWith(entries, { config: { Volumes: { "/data": {}, "new/dir": {} } } }));
    const seen =
      "stat -c '%u %g %a' /data /data/file; cat /data/link; stat -c %a /new/dir; echo more > /data/file; cat /data/file";
    const container = await scene.runContainer(pod, { image });
    equal(await container.sh(seen), "5 6 751\n7 0 640\nfrom the image\n755\nmore\n");
    match(await container.sh("cat /proc/self/mountinfo"), / \/data .* \/new\/dir | \/new\/dir .* \/data /s);
    equal(await runScript(scene, pod, "cat /data/file", { image }), "from the image\n");
    const other = join(scene.node.lane.dir, "other");
    mkdirSync(other);
    const change = withMounts([{ containerPath: "/data/", hostPath: other }]);
    equal(await runScript(scene, pod, "ls /data; touch /data/mine", { image, change }), "");
    ok(existsSync(join(other, "mine")));
    const volumes = String((await container.info())["rootDir"]);
    ok(existsSync(volumes));
    await container.remove();
    await eventually(10_000, () => ok(!existsSync(volumes), "the volumes of a container go with it"));
  });
});

import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import { SnapshotScene } from "./testing/snapshot-scene.ts";

const { signal } = new AbortController();
const needsRoot = { skip: process.getuid?.() === 0 ? false : "needs root to mount" };

test("a container sees the layers of its image and changes none of them", needsRoot, async (t) => {
  const scene = new SnapshotScene(t);
  const snapshots = await scene.open();
  const parent = await scene.chain(snapshots, 2);
  snapshots.prepare({ key: "one", kind: "active", parent, owner: "pod" });
  await snapshots.materialize("one", signal);
  await snapshots.materialize("one", signal);
  const target = await scene.mount(snapshots, "one");
  equal(readFileSync(join(target, "all"), "utf8"), "1");
  equal(readFileSync(join(target, "only-0"), "utf8"), "0");
  equal((statSync(target).mode & 0o7777).toString(8), "755");
  writeFileSync(join(target, "all"), "changed");
  rmSync(join(target, "only-0"));
  for (const directory of snapshots.chain(parent)) ok(readFileSync(join(directory, "all"), "utf8") !== "changed");
  snapshots.prepare({ key: "two", kind: "view", parent, owner: "pod" });
  await snapshots.materialize("two", signal);
  const view = await scene.mount(snapshots, "two");
  equal(readFileSync(join(view, "all"), "utf8"), "1");
  throws(() => writeFileSync(join(view, "new"), ""), { code: "EROFS" });
  await snapshots.unmount(target, signal);
  await snapshots.unmount(target, signal);
});

test("further options of overlayfs win, and a volatile snapshot can be mounted again", needsRoot, async (t) => {
  const scene = new SnapshotScene(t);
  const snapshots = await scene.open();
  const parent = await scene.chain(snapshots, 2);
  snapshots.prepare({ key: "one", kind: "active", parent, owner: "pod" });
  await snapshots.materialize("one", signal);
  const overlay = ["volatile", "index=on", "nfs_export=on"];
  for (const round of ["first", "second"]) {
    const target = scene.target();
    await snapshots.mount("one", target, signal, { overlay });
    const shown = readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .find((line) => line.includes(` ${target} `));
    // Newer kernels show `fsync=volatile`.
    for (const option of overlay) ok(shown?.split(/[,=]/).join("=").includes(option), `${option} in ${shown}`);
    writeFileSync(join(target, round), "");
    await snapshots.unmount(target, signal);
  }
  deepEqual(readdirSync(snapshots.changes("one")).toSorted(), ["first", "second"]);
  const refused = snapshots.mount("one", scene.target(), signal, { overlay: ["no_such_option"] });
  await rejects(refused, /no_such_option/);
});

for (const count of [1, 120, 300]) {
  test(`an image of ${count} layers mounts`, needsRoot, async (t) => {
    const scene = new SnapshotScene(t);
    const snapshots = await scene.open();
    const parent = await scene.chain(snapshots, count);
    snapshots.prepare({ key: "view", kind: "view", parent, owner: "pod" });
    await snapshots.materialize("view", signal);
    const view = await scene.mount(snapshots, "view");
    equal(readFileSync(join(view, "all"), "utf8"), String(count - 1));
    equal(readdirSync(view).length, count + 1);
    throws(() => writeFileSync(join(view, "all"), ""), { code: "EROFS" });
  });
}

test("with id mappings, files belong to the ids of the user namespace", needsRoot, async (t) => {
  const scene = new SnapshotScene(t);
  const snapshots = await scene.open();
  const parent = await scene.layer(snapshots, "owned", await scene.chain(snapshots, 1), (target) => {
    writeFileSync(join(target, "mine"), "");
    chownSync(join(target, "mine"), 1_000, 1_000);
  });
  const range = [{ containerId: 0, hostId: 200_000, length: 65_536 }];
  const idMappings = { uids: range, gids: range };
  snapshots.prepare({ key: "mapped", kind: "active", parent, owner: "pod", idMappings });
  await snapshots.materialize("mapped", signal);
  const target = await scene.mount(snapshots, "mapped");
  equal(statSync(join(target, "mine")).uid, 201_000);
  equal(statSync(join(target, "all")).gid, 200_000);
  equal(statSync(target).uid, 200_000);
  const twice = { uids: range, gids: [] };
  throws(() => snapshots.prepare({ key: "bad", kind: "active", parent, owner: "pod", idMappings: twice }), {
    code: Code.InvalidArgument,
  });
});

test("the root directory of a container is that of its image", needsRoot, async (t) => {
  const scene = new SnapshotScene(t);
  const snapshots = await scene.open();
  const parent = await scene.layer(snapshots, "odd", undefined, (target) => {
    chownSync(target, 7, 8);
    chmodSync(target, 0o1751);
    utimesSync(target, 1_000, 2_000);
  });
  snapshots.prepare({ key: "one", kind: "active", parent, owner: "pod" });
  await snapshots.materialize("one", signal);
  const target = await scene.mount(snapshots, "one");
  const { uid, gid, mode, mtimeMs } = statSync(target);
  deepEqual([uid, gid, (mode & 0o7777).toString(8), mtimeMs], [7, 8, "1751", 2_000_000]);
  // What the container made of it stays.
  chmodSync(target, 0o700);
  await snapshots.materialize("one", signal);
  equal((statSync(target).mode & 0o7777).toString(8), "700");
});

test("mount(8) mounts what runtimes are told to", needsRoot, async (t) => {
  const scene = new SnapshotScene(t);
  const snapshots = await scene.open();
  const parent = await scene.chain(snapshots, 3);
  const [bottom = ""] = snapshots.list().flatMap(({ key, parent: below }) => (below === undefined ? [key] : []));
  const prepare = (key: string, kind: "active" | "view", on: string): void => {
    snapshots.prepare({ key, kind, parent: on as Digest, owner: "pod" });
  };
  prepare("active", "active", parent);
  prepare("view", "view", parent);
  prepare("single", "view", bottom);
  const seen: string[] = [];
  for (const key of ["active", "view", "single"]) {
    await snapshots.materialize(key, signal);
    const [spec] = snapshots.mountSpecs(key);
    const target = scene.target();
    const options = (spec?.options ?? []).join(",");
    execFileSync("mount", ["-t", spec?.type ?? "", "-o", options, spec?.source ?? "", target]);
    seen.push(`${spec?.type} ${readdirSync(target).toSorted().join()}`);
    if (key === "active") writeFileSync(join(target, "new"), "");
    else throws(() => writeFileSync(join(target, "new"), ""), { code: "EROFS" }, key);
  }
  deepEqual(seen, ["overlay all,only-0,only-1,only-2", "overlay all,only-0,only-1,only-2", "bind all,only-0"]);
  const { options = [] } = snapshots.mountSpecs("active")[0] ?? {};
  const number = snapshots.find("active")?.dir;
  deepEqual(options.slice(0, -1), [
    "index=off",
    "metacopy=off",
    "redirect_dir=nofollow",
    `workdir=${scene.dir}/snapshots/${number}/work`,
    `upperdir=${scene.dir}/snapshots/${number}/fs`,
  ]);
});

test("a pinned user namespace is used, and runtimes are told the mappings", needsRoot, async (t) => {
  const scene = new SnapshotScene(t);
  let userns: string | undefined = "/proc/self/ns/user";
  const snapshots = await scene.open({ usernsOf: ({ owner }) => (owner === "pod" ? userns : undefined) });
  const parent = await scene.chain(snapshots, 1);
  const range = [{ containerId: 0, hostId: 200_000, length: 65_536 }];
  snapshots.prepare({ key: "one", kind: "view", parent, owner: "pod", idMappings: { uids: range, gids: range } });
  await snapshots.materialize("one", signal);
  // The host's own is no mapping, so that the kernel refuses: the path was taken.
  await rejects(scene.mount(snapshots, "one"), { code: Code.PermissionDenied });
  userns = undefined;
  const target = await scene.mount(snapshots, "one");
  equal(statSync(join(target, "all")).uid, 200_000);
  deepEqual(snapshots.mountSpecs("one")[0]?.options, ["ro", "rbind", "uidmap=0:200000:65536", "gidmap=0:200000:65536"]);
});

test("a file system that cannot show mapped owners makes that Unimplemented", needsRoot, async (t) => {
  const scene = new SnapshotScene(t);
  const root = join(scene.dir, "snapshots");
  mkdirSync(root);
  scene.unmountLater(root);
  execFileSync("mount", ["-t", "ramfs", "ramfs", root]);
  const snapshots = await scene.open();
  const parent = await scene.chain(snapshots, 1);
  const range = [{ containerId: 0, hostId: 200_000, length: 65_536 }];
  snapshots.prepare({ key: "one", kind: "view", parent, owner: "pod", idMappings: { uids: range, gids: range } });
  await snapshots.materialize("one", signal);
  await rejects(scene.mount(snapshots, "one"), { code: Code.Unimplemented, message: /"one".*mapped/ });
  deepEqual(readdirSync(root).toSorted(), ["1"]);
});

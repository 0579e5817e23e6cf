import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { mountRequest, needsRoot } from "../mounts/testing/mount-scene.ts";
import { imageMount, openBench, pullHostile } from "./testing/volume-bench.ts";

const { signal } = new AbortController();

test("an image is mounted read-only, told by id and digest, and goes with the container", needsRoot, async (t) => {
  const bench = await openBench(t);
  const pulled = await bench.store.pull();
  const { id } = pulled;
  const mounts = [
    mountRequest("/tmp", "/x"),
    imageMount("busybox"),
    imageMount(id, "etc", "/etc2"),
    imageMount(id, "/etc/passwd", "/p"),
  ];
  const plan = bench.plan({ mounts });
  const [whole, sub, file] = await bench.prepare(plan);
  const digest = pulled.repoDigests[0]?.split("@")[1] ?? "";
  deepEqual(whole, {
    containerPath: "/img",
    source: bench.scene.path("tasks/container/volumes/1"),
    readonly: true,
    image: { id, digest },
  });
  deepEqual(readdirSync(whole?.source ?? "").toSorted(), ["etc", "top"]);
  deepEqual(readdirSync(sub?.source ?? "").toSorted(), ["group", "passwd"]);
  ok(readFileSync(file?.source ?? "", "utf8").startsWith("root:"));
  for (const [path, error] of [
    [join(whole?.source ?? "", "new"), "EROFS"],
    [join(sub?.source ?? "", "new"), "EROFS"],
    [file?.source ?? "", "EROFS"],
  ] as const) {
    await rejects(async () => writeFileSync(path, "x"), { code: error });
  }
  // What a container uses stays, though the image is removed.
  await bench.store.images.remove("busybox");
  ok(readdirSync(whole?.source ?? "").includes("top"));
  await bench.release(plan);
  deepEqual(await bench.left(), []);
  equal(bench.collections(), 3);
  await bench.release(plan);
});

test("what cannot be mounted is refused, and release takes what was begun", needsRoot, async (t) => {
  const bench = await openBench(t);
  await bench.store.pull();
  await pullHostile(bench);
  const cases: readonly (readonly [ReturnType<typeof imageMount>, Code, RegExp])[] = [
    [imageMount("missing"), Code.NotFound, /missing/],
    [imageMount("busybox", "no/such"), Code.NotFound, /no\/such/],
    [imageMount("busybox", "../etc"), Code.InvalidArgument, /\.\./],
    [imageMount("busybox", "etc/passwd/x"), Code.FailedPrecondition, /etc\/passwd\/x/],
    [{ ...imageMount("busybox"), hostPath: "/etc" }, Code.InvalidArgument, /host path/],
    [{ ...imageMount("busybox"), readonly: false }, Code.InvalidArgument, /read-only/],
    [imageMount(""), Code.InvalidArgument, /no name/],
    [imageMount("hostile", "absolute"), Code.NotFound, /absolute/],
    [imageMount("hostile", "climbing/canary"), Code.NotFound, /climbing/],
    [imageMount("hostile", "fifo"), Code.InvalidArgument, /fifo/],
    [imageMount("hostile", "null"), Code.InvalidArgument, /null/],
  ];
  for (const [mount, code, message] of cases) {
    const plan = bench.plan({ mounts: [imageMount("busybox", "", "/first"), mount] });
    await rejects(bench.prepare(plan), (error: Error & { code: Code }) => {
      equal(error.code, code, error.message);
      ok(message.test(error.message) && error.message.includes('"container"'), error.message);
      return true;
    });
    await bench.release(plan);
    deepEqual(await bench.left(), []);
  }
  const plan = bench.plan({ mounts: [imageMount("hostile", "to-data/up")] });
  const [made] = await bench.prepare(plan);
  equal(readFileSync(made?.source ?? "", "utf8"), "image");
  await bench.release(plan);
});

test("a declared volume has what the image has there, and nothing of the host", needsRoot, async (t) => {
  const bench = await openBench(t);
  await pullHostile(bench);
  const { scene, store } = bench;
  const { snapshots } = store;
  store.images.prepareSnapshot("hostile", { key: "container", kind: "active", owner: "container" });
  await snapshots.materialize("container", signal);
  await snapshots.mount("container", scene.path("rootfs"), signal);
  const host = scene.path("host");
  const declared = [
    "/data/",
    "data",
    "/absolute",
    "climbing",
    `/../../../..${host}`,
    "/to-data",
    "/none/such",
    "/covered",
  ];
  const plan = bench.plan({ mounts: [mountRequest("/tmp", "/covered/")] });
  const made = await bench.prepare(plan, declared);
  deepEqual(
    made.map(({ containerPath, source, readonly }) => [containerPath, readdirSync(source).toSorted().join(), readonly]),
    [
      ["/absolute", "", false],
      ["/climbing", "", false],
      ["/data", "file,up", false],
      ["/none/such", "", false],
      ["/to-data", "file,up", false],
      [host, "", false],
    ],
  );
  const [data] = made.filter(({ containerPath }) => containerPath === "/data");
  const { mode, uid } = statSync(data?.source ?? "");
  deepEqual([mode & 0o7777, uid], [0o750, 7]);
  const [none] = made.filter(({ containerPath }) => containerPath === "/none/such");
  equal(statSync(none?.source ?? "").mode & 0o7777, 0o755, "whatever the umask");
  // A container writes links and mounts nothing; neither is followed when its volume goes.
  symlinkSync(host, join(data?.source ?? "", "out"));
  execFileSync("mount", ["--bind", host, join(none?.source ?? "")]);
  await bench.release(plan);
  await snapshots.unmount(scene.path("rootfs"), signal);
  deepEqual(readdirSync(host), ["canary"]);
  ok(!existsSync(scene.path("containers/container/volumes")));
  for (const path of ["/fifo", "/null", "/data/file", "/"]) {
    await snapshots.mount("container", scene.path("rootfs"), signal);
    await rejects(bench.prepare(plan, [path]), { code: Code.InvalidArgument }, path);
    await bench.release(plan);
    await snapshots.unmount(scene.path("rootfs"), signal);
  }
  const many = Array.from({ length: 129 }, (_, index) => `/v${index}`);
  await rejects(bench.prepare(plan, many), { code: Code.InvalidArgument, message: /129/ });
  await snapshots.remove("container", signal);
  deepEqual(await bench.left(), []);
});

test("a large volume is copied in a thread, whole", needsRoot, async (t) => {
  const bench = await openBench(t);
  const from = bench.scene.directory("rootfs/large");
  for (let index = 0; index < 200; index += 1) writeFileSync(join(from, `f${index}`), "x".repeat(index));
  execFileSync("sh", ["-c", "mkdir -m 700 d && chown 3:4 d && ln f7 d/link"], { cwd: from });
  const plan = bench.plan();
  const [made] = await bench.prepare(plan, ["/large"]);
  equal(execFileSync("diff", ["-r", from, made?.source ?? ""], { encoding: "utf8" }), "");
  deepEqual([statSync(join(made?.source ?? "", "d")).uid, statSync(join(made?.source ?? "", "f7")).nlink], [3, 2]);
  await bench.release(plan);
  deepEqual(await bench.left(), []);
});

test("release takes what a daemon left that died at any point", needsRoot, async (t) => {
  const bench = await openBench(t);
  await bench.store.pull();
  const { scene, store, volumes } = bench;
  const plan = bench.plan({ mounts: [imageMount("busybox", "etc")] });
  const key = "container-image-0";
  const moments: readonly (() => Promise<void>)[] = [
    async () => {},
    async () => void store.images.prepareSnapshot("busybox", { key, kind: "view", owner: "container" }),
    async () => void scene.directory("tasks/container/volumes/0"),
    async () => store.snapshots.mount(key, scene.path("tasks/container/volumes/0"), signal),
    async () => void scene.directory("tasks/container/volumes/0-sub"),
    async () =>
      void execFileSync("mount", [
        "--bind",
        scene.path("tasks/container/volumes/0/etc"),
        scene.path("tasks/container/volumes/0-sub"),
      ]),
    async () => void scene.directory("containers/container/volumes/0/half"),
  ];
  for (let count = 1; count <= moments.length; count += 1) {
    for (const moment of moments.slice(0, count)) await moment();
    await volumes.release("container", plan, signal);
    deepEqual(await bench.left(), [], `after ${count}`);
    await volumes.release("container", plan, signal);
  }
  execFileSync("rm", ["-r", scene.path("tasks"), scene.path("containers")]);
  await volumes.release("container", plan, signal);
});

test("volumes of images are left alone where the configuration says so", async (t) => {
  const bench = await openBench(t, { ignoreImageDefinedVolumes: true });
  deepEqual(await bench.prepare(bench.plan(), ["/data"]), []);
  deepEqual(await bench.left(), []);
});

test("a path that means another one is never unmounted or removed", async (t) => {
  const bench = await openBench(t);
  for (const bundleDir of ["/", "relative", "/a/../..", ""]) {
    await rejects(bench.release(bench.plan({ bundleDir })), { code: Code.Internal }, bundleDir);
  }
});

test("owners are those that the container's root has, in images and in volumes", needsRoot, async (t) => {
  const bench = await openBench(t);
  await pullHostile(bench);
  const { scene, store } = bench;
  const { snapshots } = store;
  const ids = [{ containerId: 0, hostId: 500_000, length: 65_536 }];
  const request = {
    key: "container",
    kind: "active",
    owner: "container",
    idMappings: { uids: ids, gids: ids },
  } as const;
  store.images.prepareSnapshot("hostile", request);
  await snapshots.materialize("container", signal);
  const isAble = await snapshots.mount("container", scene.path("rootfs"), signal).then(
    () => true,
    // The file system of the machine may have no id-mapped mounts.
    (reason: Error & { code: Code }) => equal(reason.code, Code.Unimplemented, reason.message),
  );
  const plan = bench.plan({ mounts: [imageMount("hostile")] });
  if (isAble === true) {
    const [mounted, filled, empty] = await bench.prepare(plan, ["/data", "/none"]);
    equal(statSync(join(mounted?.source ?? "", "data")).uid, 500_007);
    equal(statSync(filled?.source ?? "").uid, 500_007);
    equal(statSync(empty?.source ?? "").uid, 500_000);
  }
  await bench.release(plan);
  await snapshots.unmount(scene.path("rootfs"), signal);
  await snapshots.remove("container", signal);
  deepEqual(await bench.left(), []);
});

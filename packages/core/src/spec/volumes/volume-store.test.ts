import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import { mountsUnder } from "@crib/linux";
import { type ImageConfig, parseReference } from "@crib/oci-spec";

import type { ContainerPlan } from "../../containers/types.ts";
import { tarImage } from "../../images/testing/fake-registry.ts";
import { openRealStore, type RealStore } from "../../images/testing/real-store.ts";
import { createLayerUnpacker } from "../../layers/index.ts";
import { makeTar, tarEntry } from "../../layers/testing/make-tar.ts";
import { mountRequest, MountScene, needsRoot } from "../mounts/testing/mount-scene.ts";
import type { VolumeStore } from "../types.ts";
import { createVolumeStore } from "./volume-store.ts";

const { signal } = new AbortController();

interface Bench {
  readonly scene: MountScene;
  readonly store: RealStore;
  readonly volumes: VolumeStore;
  collections(): number;
  plan(changes?: Partial<ContainerPlan>): ContainerPlan;
  prepare(plan: ContainerPlan, declared?: readonly string[]): ReturnType<VolumeStore["prepare"]>;
  release(plan: ContainerPlan): Promise<void>;
  /** What is left of containers: mounts, files, snapshots. */
  left(): Promise<readonly string[]>;
}

async function open(t: TestContext, options: { readonly ignoreImageDefinedVolumes?: boolean } = {}): Promise<Bench> {
  const scene = new MountScene(t);
  const store = await openRealStore(scene.directory("root"));
  await store.images.recover();
  const unpacker = createLayerUnpacker({ idleMs: 1_000 });
  t.after(async () => {
    await unpacker[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });
  let collections = 0;
  const { images, snapshots } = store;
  const counted = {
    find: images.find.bind(images),
    list: images.list.bind(images),
    prepareSnapshot: images.prepareSnapshot.bind(images),
    collectSoon: () => void collections++,
  };
  const { ignoreImageDefinedVolumes = false } = options;
  const volumes = createVolumeStore({ images: counted, snapshots, trees: unpacker, ignoreImageDefinedVolumes });
  const plan = (changes: Partial<ContainerPlan> = {}): ContainerPlan => scene.plan(changes);
  for (const path of ["containers/container", "tasks/container", "rootfs"]) scene.directory(path);
  return {
    scene,
    store,
    volumes,
    collections: () => collections,
    plan,
    prepare: (made, declared = []) => {
      const image = { volumes: declared } as unknown as ImageConfig;
      return volumes.prepare({ id: "container", plan: made, image, rootfs: scene.path("rootfs") }, signal);
    },
    release: (made) => volumes.release("container", made, signal),
    left: async () => [
      ...(await mountsUnder(scene.dir)).map(({ mountPoint }) => mountPoint),
      ...["containers/container", "tasks/container"].flatMap((dir) => readdirSync(scene.path(dir))),
      ...snapshots
        .list()
        .filter(({ kind }) => kind !== "layer")
        .map(({ key }) => key),
    ],
  };
}

/** An image with links in all directions out of it. */
async function pullHostile(bench: Bench): Promise<void> {
  const { store, scene } = bench;
  const link = (path: string, linkPath: string): Buffer => tarEntry({ path, flag: "2", linkPath });
  const archive = makeTar(
    tarEntry({ path: "data", flag: "5", mode: 0o750, uid: 7 }),
    tarEntry({ path: "data/file" }, "image"),
    link("absolute", scene.path("host")),
    link("climbing", `../../../../../../../..${scene.path("host")}`),
    link("to-data", "/data"),
    link("data/up", "../../data/file"),
    tarEntry({ path: "fifo", flag: "6" }),
    tarEntry({ path: "null", flag: "3", deviceMajor: 1, deviceMinor: 3 }),
  );
  const image = tarImage(archive);
  store.registry.tag("hostile", image);
  mkdirSync(scene.path("host"));
  writeFileSync(scene.path("host/canary"), "host");
  await store.images.pull({ reference: parseReference("hostile"), runtimeHandler: "" }, signal);
}

const image = (name: string, imageSubPath = "", containerPath = "/img") =>
  mountRequest("", containerPath, { image: name, readonly: true, imageSubPath });

test("an image is mounted read-only, told by id and digest, and goes with the container", needsRoot, async (t) => {
  const bench = await open(t);
  const pulled = await bench.store.pull();
  const { id } = pulled;
  const mounts = [
    mountRequest("/tmp", "/x"),
    image("busybox"),
    image(id, "etc", "/etc2"),
    image(id, "/etc/passwd", "/p"),
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
  const bench = await open(t);
  await bench.store.pull();
  await pullHostile(bench);
  const cases: readonly (readonly [ReturnType<typeof image>, Code, RegExp])[] = [
    [image("missing"), Code.NotFound, /missing/],
    [image("busybox", "no/such"), Code.NotFound, /no\/such/],
    [image("busybox", "../etc"), Code.InvalidArgument, /\.\./],
    [image("busybox", "etc/passwd/x"), Code.FailedPrecondition, /etc\/passwd\/x/],
    [{ ...image("busybox"), hostPath: "/etc" }, Code.InvalidArgument, /host path/],
    [{ ...image("busybox"), readonly: false }, Code.InvalidArgument, /read-only/],
    [image(""), Code.InvalidArgument, /no name/],
    [image("hostile", "absolute"), Code.NotFound, /absolute/],
    [image("hostile", "climbing/canary"), Code.NotFound, /climbing/],
    [image("hostile", "fifo"), Code.InvalidArgument, /fifo/],
    [image("hostile", "null"), Code.InvalidArgument, /null/],
  ];
  for (const [mount, code, message] of cases) {
    const plan = bench.plan({ mounts: [image("busybox", "", "/first"), mount] });
    await rejects(bench.prepare(plan), (error: Error & { code: Code }) => {
      equal(error.code, code, error.message);
      ok(message.test(error.message) && error.message.includes('"container"'), error.message);
      return true;
    });
    await bench.release(plan);
    deepEqual(await bench.left(), []);
  }
  const plan = bench.plan({ mounts: [image("hostile", "to-data/up")] });
  const [made] = await bench.prepare(plan);
  equal(readFileSync(made?.source ?? "", "utf8"), "image");
  await bench.release(plan);
});

test("a declared volume has what the image has there, and nothing of the host", needsRoot, async (t) => {
  const bench = await open(t);
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
  const bench = await open(t);
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
  const bench = await open(t);
  await bench.store.pull();
  const { scene, store, volumes } = bench;
  const plan = bench.plan({ mounts: [image("busybox", "etc")] });
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
  const bench = await open(t, { ignoreImageDefinedVolumes: true });
  deepEqual(await bench.prepare(bench.plan(), ["/data"]), []);
  deepEqual(await bench.left(), []);
});

test("a path that means another one is never unmounted or removed", async (t) => {
  const bench = await open(t);
  for (const bundleDir of ["/", "relative", "/a/../..", ""]) {
    await rejects(bench.release(bench.plan({ bundleDir })), { code: Code.Internal }, bundleDir);
  }
});

test("owners are those that the container's root has, in images and in volumes", needsRoot, async (t) => {
  const bench = await open(t);
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
  const plan = bench.plan({ mounts: [image("hostile")] });
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

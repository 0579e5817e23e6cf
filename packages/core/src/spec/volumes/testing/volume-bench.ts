import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import type { TestContext } from "node:test";

import { mountsUnder } from "@crib/linux";
import { type ImageConfig, parseReference } from "@crib/oci-spec";

import type { ContainerPlan, MountRequest } from "../../../containers/types.ts";
import { tarImage } from "../../../images/testing/fake-registry.ts";
import { openRealStore, type RealStore } from "../../../images/testing/real-store.ts";
import { createLayerUnpacker } from "../../../layers/index.ts";
import { makeTar, tarEntry } from "../../../layers/testing/make-tar.ts";
import { mountRequest, MountScene } from "../../mounts/testing/mount-scene.ts";
import type { VolumeStore } from "../../types.ts";
import { createVolumeStore } from "../volume-store.ts";

const { signal } = new AbortController();

/** Volumes over real images, snapshots and threads. */
export interface VolumeBench {
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

/** A bench that goes with the test, without any image. */
export async function openBench(
  t: TestContext,
  options: { readonly ignoreImageDefinedVolumes?: boolean } = {},
): Promise<VolumeBench> {
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

/** Pulls an image, `hostile`, with links in all directions out of it. */
export async function pullHostile(bench: VolumeBench): Promise<void> {
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

/** A request for an image mount. */
export const imageMount = (name: string, imageSubPath = "", containerPath = "/img"): MountRequest =>
  mountRequest("", containerPath, { image: name, readonly: true, imageSubPath });

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { parseReference } from "@crib/oci-spec";

import { fakeImage } from "../../images/testing/fake-registry.ts";
import { ImageFixture } from "../../images/testing/image-fixture.ts";
import { imagePauseRoots } from "./image-pause-roots.ts";
import type { PauseRoots } from "./types.ts";

const image = fakeImage(["mount points", "pause"], { config: { Entrypoint: ["/pause"], User: "65535:65535" } });

function rootsOf(node: ImageFixture): PauseRoots {
  return imagePauseRoots({
    images: node.images,
    snapshots: node.snapshots,
    program: ["/nonexistent"],
    image: parseReference("pause:1"),
    mountPointsDir: join(node.rootDir, "mount-points"),
  });
}

test("a pulled pause image stands on mount points, is pulled once, and names its program and user", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("pause:1", image);
  const roots = rootsOf(node);
  const [first] = await Promise.all(["a", "b", "c"].map((id) => roots.prepare(id, t.signal)));
  deepEqual(first?.args, ["/pause"]);
  deepEqual(first?.user, { uid: 65_535, gid: 65_535 });
  ok(existsSync(join(node.rootDir, "mount-points/etc/resolv.conf")));
  for (const blob of image.layers) equal(node.registry.fetches(blob), 1);
});

test("the layers of a pause image that was removed go with the last pod that holds them", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("pause:1", image);
  const roots = rootsOf(node);
  await roots.prepare("a", t.signal);
  await roots.prepare("b", t.signal);
  await node.images.remove("pause:1");
  await roots.release("a", t.signal);
  await new Promise((resolve) => setTimeout(resolve, 20));
  equal((await node.counts()).layers, 3);
  await roots.release("b", t.signal);
  while ((await node.counts()).directories > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await roots.release("b", t.signal);
});

test("an image without a program is no pause image", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("pause:1", fakeImage(["nothing"], { config: {} }));
  await rejects(rootsOf(node).prepare("a", t.signal), { code: Code.FailedPrecondition, message: /names no program/ });
});

import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { openUserns } from "../../namespaces/open-userns.ts";
import { needsRoot, openDescriptors, temporaryDirectory } from "../../testing/host.ts";
import { bindByMountCall } from "../bind-sync.ts";
import { bind } from "../bind.ts";
import { mountsUnder } from "../mount-table.ts";
import { umountAll } from "../umount-all.ts";
import { idmappedMountsSupported } from "./idmapped-mounts-supported.ts";
import { mountOverlay } from "./mount-overlay.ts";
import type { OverlayMethod } from "./overlay-request.ts";

const methods: readonly OverlayMethod[] = ["descriptors", "strings", "page", "staged"];
const off = { index: "off", metacopy: "off", redirect_dir: "nofollow" };

interface Layout {
  readonly lower: readonly string[];
  readonly upper: { readonly dir: string; readonly work: string };
  readonly target: string;
}

/** Layers 0 (nearest) to count - 1; each has a file of its own and says in `top` which one it is. */
function makeLayers(directory: string, count: number): Layout {
  const make = (name: string): string => {
    mkdirSync(join(directory, name), { recursive: true });
    return join(directory, name);
  };
  const lower = Array.from({ length: count }, (_, index) => {
    const layer = make(`layer-${index}`);
    writeFileSync(join(layer, `only-${index}`), "");
    writeFileSync(join(layer, "top"), String(index));
    return layer;
  });
  return { lower, upper: { dir: make("upper"), work: make("work") }, target: make("target") };
}

for (const method of methods) {
  test(`${method}: layers are stacked in order, and changes go to the upper directory`, needsRoot, async (t) => {
    const directory = temporaryDirectory(t);
    const { lower, upper, target } = makeLayers(directory, 3);
    await mountOverlay({ lower, upper, target, options: off, methods: [method] });
    deepEqual(readdirSync(target).toSorted(), ["only-0", "only-1", "only-2", "top"]);
    equal(readFileSync(join(target, "top"), "utf8"), "0");
    writeFileSync(join(target, "top"), "changed");
    unlinkSync(join(target, "only-2"));
    equal(readFileSync(join(lower[0] ?? "", "top"), "utf8"), "0");
    deepEqual(readdirSync(upper.dir).toSorted(), ["only-2", "top"]);
    ok(statSync(join(upper.dir, "only-2")).isCharacterDevice());
    const mounts = await mountsUnder(directory);
    equal(mounts.length, 1);
    equal(mounts[0]?.type, "overlay");
    equal(mounts[0].source, "overlay");
    ok(mounts[0].superOptions.includes("redirect_dir=nofollow"), mounts[0].superOptions.join());
    await umountAll(target);
    deepEqual(await mountsUnder(directory), []);

    // What was changed is a layer now: its whiteout hides, and without an upper directory nothing can be written.
    await mountOverlay({ lower: [upper.dir, ...lower], target, options: off, methods: [method] });
    deepEqual(readdirSync(target).toSorted(), ["only-0", "only-1", "top"]);
    equal(readFileSync(join(target, "top"), "utf8"), "changed");
    throws(() => writeFileSync(join(target, "new"), ""), { code: "EROFS" });
  });

  test(`${method}: paths may be long and have any characters`, needsRoot, async (t) => {
    const directory = temporaryDirectory(t);
    const name = String.raw`a,b:c\d e` + "x".repeat(200);
    const layout = makeLayers(join(directory, name, name), 2);
    await mountOverlay({ ...layout, methods: [method] });
    equal(readFileSync(join(layout.target, "top"), "utf8"), "0");
    writeFileSync(join(layout.target, "new"), "");
    ok(existsSync(join(layout.upper.dir, "new")));
    await umountAll(layout.target);
  });
}

for (const method of ["descriptors", "strings", "staged"] as const) {
  test(`${method}: as many layers as overlayfs takes`, needsRoot, async (t) => {
    const directory = temporaryDirectory(t);
    const { lower, upper, target } = makeLayers(directory, 500);
    const before = openDescriptors();
    await mountOverlay({ lower, upper, target, methods: [method] });
    equal(openDescriptors(), before);
    equal(readdirSync(target).length, 501);
    equal(readFileSync(join(target, "top"), "utf8"), "0");
    await umountAll(target);
    const tooMany = [...lower, directory];
    await rejects(mountOverlay({ lower: tooMany, target }), {
      code: Code.FailedPrecondition,
      message: /501 layers .* at most 500/,
    });
  });
}

test("what cannot be mounted says why and leaves nothing", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const { lower, upper, target } = makeLayers(directory, 200);
  const before = openDescriptors();
  await rejects(mountOverlay({ lower, target, methods: ["page"] }), {
    code: Code.FailedPrecondition,
    message: /200 layers/,
  });
  await rejects(mountOverlay({ lower: [...lower, `${directory}/none`], target }), {
    code: Code.NotFound,
    message: /none/,
  });
  for (const method of methods) {
    const broken = { lower: lower.slice(0, 2), upper, target, methods: [method] };
    await rejects(mountOverlay({ ...broken, options: { index: "maybe" } }), { code: Code.InvalidArgument }, method);
    await rejects(mountOverlay({ ...broken, target: `${directory}/none` }), { code: Code.NotFound }, method);
  }
  await rejects(
    mountOverlay({ lower: lower.slice(0, 2), target, options: { nonsense: "1" }, methods: ["descriptors"] }),
    /option nonsense=1 \(overlay: Unknown parameter 'nonsense'\): EINVAL/,
  );
  await rejects(mountOverlay({ lower: lower.slice(0, 1), target }), { code: Code.InvalidArgument });
  await rejects(mountOverlay({ lower: ["a", "b"], target }), { code: Code.InvalidArgument });
  equal(openDescriptors(), before);
  deepEqual(await mountsUnder(directory), []);
});

const mapping = {
  uids: [{ containerId: 0, hostId: 300_000, length: 65_536 }],
  gids: [{ containerId: 0, hostId: 400_000, length: 65_536 }],
};

for (const method of ["descriptors", "staged"] as const) {
  test(`${method}: owners are shown as a user namespace has them`, needsRoot, async (t) => {
    const directory = temporaryDirectory(t);
    if (!(await idmappedMountsSupported(directory))) return t.skip("needs id-mapped mounts");
    const { lower, upper, target } = makeLayers(directory, 130);
    chownSync(join(lower[5] ?? "", "only-5"), 1000, 2000);
    const before = openDescriptors();
    {
      using userns = await openUserns(mapping);
      await mountOverlay({ lower, upper, target, usernsFd: userns.fd, methods: [method] });
    }
    equal(openDescriptors(), before);
    const owner = (path: string): readonly number[] => [statSync(path).uid, statSync(path).gid];
    deepEqual(owner(join(target, "top")), [300_000, 400_000]);
    deepEqual(owner(join(target, "only-5")), [301_000, 402_000]);
    // What is copied up keeps the owner that is seen; the upper directory itself is not mapped.
    writeFileSync(join(target, "only-5"), "x", { flag: "a" });
    deepEqual(owner(join(target, "only-5")), [301_000, 402_000]);
    deepEqual(owner(join(upper.dir, "only-5")), [301_000, 402_000]);
    deepEqual(owner(join(lower[5] ?? "", "only-5")), [1000, 2000]);
  });
}

test("a bind is read-only and mapped when asked, and does not show what is mounted below", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const { lower, target } = makeLayers(directory, 1);
  const source = lower[0] ?? "";
  await bind({ source, target });
  writeFileSync(join(target, "new"), "x");
  equal(readFileSync(join(source, "new"), "utf8"), "x");
  await umountAll(target);
  await bind({ source, target, readOnly: true });
  throws(() => writeFileSync(join(target, "new"), "y"), { code: "EROFS" });
  writeFileSync(join(source, "new"), "y");
  await umountAll(target);
  using userns = await openUserns(mapping);
  await bind({ source, target, readOnly: true, usernsFd: userns.fd });
  equal(statSync(join(target, "top")).uid, 300_000);
  throws(() => writeFileSync(join(target, "new"), "y"), { code: "EROFS" });
  await rejects(bind({ source: `${directory}/none`, target }), { code: Code.NotFound });
  await umountAll(target);
});

test("kernels without mount_setattr bind read-only too", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const { lower, target } = makeLayers(directory, 1);
  const source = lower[0] ?? "";
  bindByMountCall({ source, target, readOnly: true });
  equal(readFileSync(join(target, "top"), "utf8"), "0");
  throws(() => writeFileSync(join(target, "new"), "y"), { code: "EROFS" });
  writeFileSync(join(source, "new"), "y");
  await umountAll(target);
  throws(() => bindByMountCall({ source, target: `${directory}/none`, readOnly: true }), { code: Code.NotFound });
  deepEqual(await mountsUnder(directory), []);
});

test("taking mounts off takes those on one another too, and none is success", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const { lower, target } = makeLayers(directory, 2);
  for (const _ of [1, 2, 3]) await mountOverlay({ lower, target });
  equal((await mountsUnder(directory)).length, 3);
  await umountAll(target);
  deepEqual(await mountsUnder(directory), []);
  await umountAll(target);
  await umountAll(join(directory, "none"));
  await rejects(umountAll("relative"), { code: Code.InvalidArgument });
});

test("the probe for id-mapped mounts leaves nothing", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const isSupported = await idmappedMountsSupported(directory);
  deepEqual(readdirSync(directory), []);
  equal(typeof isSupported, "boolean");
  await rejects(idmappedMountsSupported(join(directory, "none")), { code: Code.NotFound });
});

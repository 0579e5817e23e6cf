import { deepEqual, equal, rejects } from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { mountsUnder, umountTree } from "@crib/linux";

import { needsRunc } from "../testing/needs-runc.ts";
import { mountRootfs, umountRootfs } from "./mount-rootfs.ts";

function bundleOf(t: TestContext): string {
  const bundle = mkdtempSync(join(tmpdir(), "crib-rootfs-"));
  for (const name of ["rootfs", "a", "b", "u", "w"]) mkdirSync(join(bundle, name));
  for (const name of ["a", "b"]) writeFileSync(join(bundle, name, name), name);
  mkdirSync(join(bundle, "a", "dir"));
  t.after(async () => {
    await umountTree(bundle);
    rmSync(bundle, { recursive: true });
  });
  return bundle;
}

test("an overlay is mounted, and something below it, and all of it is taken off", needsRunc, async (t) => {
  const bundle = bundleOf(t);
  const options = [`lowerdir=${bundle}/b:${bundle}/a`, `upperdir=${bundle}/u`, `workdir=${bundle}/w`, "index=off"];
  const overlay = { type: "overlay", source: "overlay", target: "", options };
  const below = { type: "tmpfs", source: "tmpfs", target: "../../dir", options: ["size=64k", "nodev"] };
  await mountRootfs([overlay, below], bundle);
  writeFileSync(join(bundle, "rootfs/dir/new"), "");
  equal(readFileSync(join(bundle, "rootfs/a"), "utf8") + readFileSync(join(bundle, "rootfs/b"), "utf8"), "ab");
  deepEqual(
    (await mountsUnder(bundle)).map(({ mountPoint }) => mountPoint.slice(bundle.length)),
    ["/rootfs", "/rootfs/dir"],
  );
  await umountRootfs(bundle);
  await umountRootfs(bundle);
  deepEqual(await mountsUnder(bundle), []);
});

test("a read-only bind is that, and one that fails takes the others with it", needsRunc, async (t) => {
  const bundle = bundleOf(t);
  const bind = { type: "bind", source: join(bundle, "a"), target: "", options: ["rbind", "ro", "nosuid"] };
  await mountRootfs([bind], bundle);
  await rejects(async () => writeFileSync(join(bundle, "rootfs/x"), ""), { code: "EROFS" });
  await umountRootfs(bundle);
  const missing = { type: "bind", source: join(bundle, "missing"), target: "dir", options: ["bind"] };
  await rejects(mountRootfs([bind, missing], bundle), /missing/);
  deepEqual(await mountsUnder(bundle), []);
});

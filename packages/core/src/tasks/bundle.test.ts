import { deepEqual, equal, rejects } from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { bundlePath, createBundle, listBundles, readBundleFile, removeBundle, writeBundleFile } from "./bundle.ts";

const nothingMounted = async (): Promise<void> => undefined;

async function stateDirOf(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "crib-bundle-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

test("a bundle is private, its root file system passable, whatever the umask", async (t) => {
  const state = await stateDirOf(t);
  const umask = process.umask(0o177);
  t.after(() => process.umask(umask));
  await createBundle(state, "a1", "{}");
  const mode = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
  equal(await mode(join(state, "tasks")), "711");
  equal(await mode(join(state, "tasks/a1")), "700");
  equal(await mode(join(state, "tasks/a1/rootfs")), "711");
});

test("a bundle with a user namespace lets the container's root pass", async (t) => {
  const state = await stateDirOf(t);
  const gid = process.getgid?.() ?? 0;
  await createBundle(
    state,
    "a1",
    JSON.stringify({ linux: { gidMappings: [{ containerID: 0, hostID: gid, size: 1 }] } }),
  );
  const { mode, gid: owner } = await stat(join(state, "tasks/a1"));
  deepEqual([(mode & 0o777).toString(8), owner], ["710", gid]);
});

test("a second bundle of the same id is AlreadyExists and does not touch the first", async (t) => {
  const state = await stateDirOf(t);
  await createBundle(state, "a1", '{"first":true}');
  await rejects(createBundle(state, "a1", "{}"), { code: Code.AlreadyExists });
  equal(await readBundleFile(state, "a1", "config.json"), '{"first":true}');
});

test("ids that could leave the directory are refused", () => {
  for (const id of ["", ".", "..", "../x", "a/b", ".a", "a.", "a..b", "a\0", "a b", "ä", "a".repeat(77)]) {
    let refused: unknown;
    try {
      bundlePath("/s", id);
    } catch (error) {
      refused = (error as StatusError).code;
    }
    equal(refused, Code.InvalidArgument, JSON.stringify(id));
  }
});

test("files are written whole, and absent ones are undefined", async (t) => {
  const state = await stateDirOf(t);
  await createBundle(state, "a1", "{}");
  await writeBundleFile(state, "a1", "bootstrap.json", "x");
  equal(await readBundleFile(state, "a1", "bootstrap.json"), "x");
  equal(await readBundleFile(state, "a1", "shim.json"), undefined);
  equal(await readBundleFile(state, "b2", "shim.json"), undefined);
});

test("removal is idempotent, finishes one that was cut short, and such a rest is listed", async (t) => {
  const state = await stateDirOf(t);
  await createBundle(state, "a1", "{}");
  await createBundle(state, "b2", "{}");
  await mkdir(join(state, "tasks/.a1"));
  await writeFile(join(state, "tasks/.a1/old"), "");
  await mkdir(join(state, "tasks/.c3"));
  deepEqual(await listBundles(state), ["a1", "b2", "c3"]);
  await removeBundle(state, "a1", nothingMounted);
  await removeBundle(state, "a1", nothingMounted);
  await removeBundle(state, "c3", nothingMounted);
  deepEqual(await listBundles(state), ["b2"]);
  deepEqual(await listBundles(join(state, "none")), []);
});

test("nothing is removed while something is mounted below", async (t) => {
  const state = await stateDirOf(t);
  await createBundle(state, "a1", "{}");
  await writeFile(join(state, "tasks/a1/rootfs/canary"), "here");
  const busy = async (): Promise<void> => {
    throw new StatusError(Code.FailedPrecondition, "busy");
  };
  await rejects(removeBundle(state, "a1", busy), { code: Code.FailedPrecondition, message: /"a1"/ });
  equal(await readFile(join(state, "tasks/a1/rootfs/canary"), "utf8"), "here");
});

import { deepEqual, equal } from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { pullImage } from "../pull/pull-image.ts";
import { removeImage } from "../remove/remove-image.ts";
import { openRealStore, type RealStore } from "../testing/real-store.ts";

const needsRoot = process.getuid?.() === 0 ? {} : { skip: "unpacking layers needs root" };
const daemon = new URL("../testing/doomed-daemon.ts", import.meta.url).pathname;

/** Not under /tmp, which may be a tmpfs without extended attributes. */
async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp("/var/tmp/crib-kill-");
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Runs a daemon that dies at this place. */
async function die(rootDir: string, place: string, action: "pull" | "remove"): Promise<void> {
  const signal = await new Promise<string | undefined>((resolve) => {
    execFile(process.execPath, [daemon, rootDir, `${place}=kill`, action], (error) =>
      resolve((error as { signal?: string } | null)?.signal),
    );
  });
  equal(signal, "SIGKILL", `nothing killed the daemon at ${place}`);
}

async function assertWhole(rootDir: string, store: RealStore): Promise<void> {
  for await (const verdict of store.images.verify(new AbortController().signal)) equal(verdict.state, "sound");
  equal(store.snapshots.list().length, 3);
  const chainId = store.images.find("busybox")?.layers.at(-1)?.chainId ?? "";
  const [top = "", middle = "", base = ""] = store.snapshots.chain(chainId);
  equal(await readFile(join(top, "top"), "utf8"), "top");
  equal((await stat(join(middle, "etc"))).mode & 0o777, 0o750);
  equal((await stat(join(base, "bulk"))).size, 100_000);
  equal((await readdir(join(rootDir, "content", "blobs", "sha256"))).length, 5);
  equal((await readdir(join(rootDir, "snapshots"))).length, 3);
  deepEqual(await readdir(join(rootDir, "content", "ingest")), []);
}

async function assertEmpty(rootDir: string): Promise<void> {
  for (const folder of ["content/blobs/sha256", "content/ingest", "content/spool", "snapshots", "images"]) {
    deepEqual(await readdir(join(rootDir, folder)), [], folder);
  }
}

/** The middle of each step; a running daemon is killed before and after them too by the tests of faults. */
const places = (name: string, steps: readonly { readonly name: string }[]): readonly string[] =>
  steps.map((step) => `${name}/${step.name}@inside`);

/** Two cores have enough to do with this many processes. */
const atOnce = 3;

async function inTurns(all: readonly string[], work: (place: string) => Promise<void>): Promise<void> {
  const left = [...all];
  const worker = async (): Promise<void> => {
    for (let place = left.shift(); place !== undefined; place = left.shift()) await work(place);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

test(
  "a daemon killed anywhere in PullImage leaves nothing that stands in the way of the next",
  needsRoot,
  async (t) => {
    const base = await scratch(t);
    await inTurns(places("PullImage", pullImage.steps), async (place) => {
      const rootDir = join(base, place.replaceAll(/\W/g, "-"));
      await mkdir(rootDir);
      await die(rootDir, place, "pull");
      await using store = await openRealStore(rootDir);
      deepEqual(store.images.list(), [], place);
      await store.images.recover();
      equal(store.database.sqlite.prepare("SELECT * FROM pulls").all().length, 0, place);
      await store.pull();
      await store.images.collectGarbage(t.signal, { abandonedToo: true });
      await assertWhole(rootDir, store);
      await store.images.remove("busybox");
      await store.images.collectGarbage(t.signal, { abandonedToo: true });
      await assertEmpty(rootDir);
      deepEqual(store.warnings, []);
    });
  },
);

test("a daemon killed anywhere in RemoveImage is finished by the next", needsRoot, async (t) => {
  const base = await scratch(t);
  await inTurns(places("RemoveImage", removeImage.steps), async (place) => {
    const rootDir = join(base, place.replaceAll(/\W/g, "-"));
    await mkdir(rootDir);
    await die(rootDir, place, "remove");
    await using store = await openRealStore(rootDir);
    deepEqual(store.images.list(), [], place);
    await store.images.recover();
    while (store.database.sqlite.prepare("SELECT * FROM images").all().length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await store.images.collectGarbage(t.signal);
    await assertEmpty(rootDir);
    deepEqual(store.warnings, []);
  });
});

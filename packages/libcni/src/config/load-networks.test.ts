import { deepEqual, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { openTempDir } from "../testing/temp-dir.ts";
import { loadNetworks } from "./load-networks.ts";

const list = (name: string): string => JSON.stringify({ cniVersion: "1.0.0", name, plugins: [{ type: "bridge" }] });

async function names(dir: string, maxNetworks?: number): Promise<readonly string[]> {
  const networks = await loadNetworks({ dir, ...(maxNetworks === undefined ? {} : { maxNetworks }) });
  return networks.map((network) => network.name);
}

test("files are taken in order of their names, by extension, up to the limit", async () => {
  await using dir = await openTempDir();
  await writeFile(join(dir.path, "20-b.conflist"), list("b"));
  await writeFile(join(dir.path, "10-a.conf"), JSON.stringify({ cniVersion: "0.3.1", name: "a", type: "ptp" }));
  await writeFile(join(dir.path, "30-c.json"), list("c"));
  await writeFile(join(dir.path, "00-x.conflist.tmp"), "broken");
  await writeFile(join(dir.path, "README"), "broken");
  await mkdir(join(dir.path, "05-dir.conf"));
  deepEqual(await names(dir.path), ["a"]);
  deepEqual(await names(dir.path, 2), ["a", "b"]);
  deepEqual(await names(dir.path, 0), ["a", "b", "c"]);
});

test("a broken file within the limit fails the load, one beyond it is never read", async () => {
  await using dir = await openTempDir();
  await writeFile(join(dir.path, "10-a.conflist"), list("a"));
  await writeFile(join(dir.path, "20-b.conflist"), "{");
  deepEqual(await names(dir.path, 1), ["a"]);
  await rejects(names(dir.path, 0), { code: Code.InvalidArgument, message: /20-b\.conflist": no JSON/ });
  await writeFile(join(dir.path, "20-b.conflist"), '{"name":"b","type":"bridge"}');
  await rejects(names(dir.path, 0), { code: Code.InvalidArgument, message: /needs "plugins"/ });
});

test("an empty or missing directory is NotFound with its name", async () => {
  await using dir = await openTempDir();
  await rejects(names(dir.path), {
    code: Code.NotFound,
    message: new RegExp(`no .conf, .conflist, .json file in "${dir.path}"`),
  });
  await rejects(names(join(dir.path, "gone")), { code: Code.NotFound, message: /gone/ });
});

test("plugins dropped into the folder of the network follow the inlined ones", async () => {
  await using dir = await openTempDir();
  await writeFile(join(dir.path, "10-a.conflist"), list("a"));
  await mkdir(join(dir.path, "a"));
  await writeFile(join(dir.path, "a", "2.conf"), '{"type":"tuning"}');
  await writeFile(join(dir.path, "a", "1.conf"), '{"type":"portmap"}');
  await writeFile(join(dir.path, "a", "0.json"), "{");
  const [network] = await loadNetworks({ dir: dir.path });
  deepEqual(
    network?.plugins.map((plugin) => plugin.type),
    ["bridge", "portmap", "tuning"],
  );
  await writeFile(join(dir.path, "a", "3.conf"), "{}");
  await rejects(loadNetworks({ dir: dir.path }), { code: Code.InvalidArgument });
});

test("a symbolic link is followed, a dangling one and a FIFO are errors that name the file and do not hang", async () => {
  await using dir = await openTempDir();
  await writeFile(join(dir.path, "target"), list("a"));
  await symlink("target", join(dir.path, "10-a.conflist"));
  deepEqual(await names(dir.path), ["a"]);
  await rm(join(dir.path, "target"));
  await rejects(names(dir.path), { code: Code.FailedPrecondition, message: /10-a\.conflist/ });
  execFileSync("mkfifo", [join(dir.path, "00-fifo.conf")]);
  await rejects(names(dir.path), { code: Code.InvalidArgument, message: /00-fifo\.conf": no regular file/ });
});

test("a file of unreasonable size is not read", async () => {
  await using dir = await openTempDir();
  await writeFile(join(dir.path, "10-a.conflist"), " ".repeat(1024 * 1024) + list("a"));
  await rejects(names(dir.path), { code: Code.InvalidArgument, message: /larger than 1048576 bytes/ });
});

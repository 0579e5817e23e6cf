import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { imageCalls } from "../support/images/image-calls.ts";
import { startImageNode } from "../support/images/image-node.ts";
import { imageArchitecture, platformIndex, testImage } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { listTree } from "../support/images/list-tree.ts";
import { withMountedImage } from "../support/images/mount-image.ts";
import { unsoundBlobs } from "../support/images/store-state.ts";
import { writeOciLayout } from "../support/images/write-oci-layout.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { type Ended, runProgram } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

const bin = join(import.meta.dirname, "../../bin/crib");
const base = testLayer([
  { name: "etc", type: "directory" },
  { name: "etc/os-release", content: "ID=crib\n" },
]);
const image = testImage([base, testLayer([{ name: "app", mode: 0o4755, content: "app" }])]);
const other = platformIndex([base, testLayer([{ name: "other" }], "none")], { format: "docker" });

function crib({ socket }: Node, ...args: readonly string[]): Promise<Ended> {
  return runProgram([bin, ...args, "--socket", socket], { mayFail: true });
}

async function succeeds(run: Promise<Ended>): Promise<string> {
  const { exitCode, stdout, stderr } = await run;
  equal(exitCode, 0, stderr);
  return stdout;
}

test("what one node exports another imports, with the same ids, names and trees", needsRoot, async (t) => {
  const file = join(temporary(t), "images.tar");
  const first = await startImageNode(t);
  const names = [first.serve(image, "one"), first.serve(other, "two")];
  for (const name of names) await first.images.pull(name);
  await succeeds(crib(first.node, "image", "export", "--output", file, ...names));

  const second = await startNode(t);
  const images = imageCalls(second);
  const printed = await succeeds(crib(second, "image", "import", file));
  for (const [id, name] of [
    [image.id, names[0] ?? ""],
    [other.id, names[1] ?? ""],
  ] as const) {
    ok(printed.includes(id), printed);
    equal((await images.status(name))?.id, id);
    deepEqual(await treeOf(second, id), await treeOf(first.node, id));
  }
  deepEqual(await unsoundBlobs(second), []);
  // What skopeo makes of one of them is the same image.
  const alone = join(temporary(t), "alone.tar");
  await succeeds(crib(second, "image", "export", "--output", alone, names[0] ?? ""));
  const copied = join(temporary(t), "copied");
  await runProgram(["skopeo", "copy", "--quiet", "--insecure-policy", `oci-archive:${alone}`, `oci:${copied}:t`]);
  const inspected = await runProgram(["skopeo", "inspect", "--raw", `oci:${copied}:t`]);
  equal((JSON.parse(inspected.stdout) as { readonly config: { readonly digest: string } }).config.digest, image.id);
  await images.removeAll();
});

test("archives that other tools have made are imported", needsRoot, async (t) => {
  const dir = temporary(t);
  const layout = join(dir, "layout");
  writeOciLayout(layout, "t", image);
  const node = await startNode(t);
  const images = imageCalls(node);
  const archives = {
    "oci-archive": `oci-archive:${join(dir, "oci-archive")}:team/app:v1`,
    "docker-archive": `docker-archive:${join(dir, "docker-archive")}:team/app:v1`,
  };
  for (const [kind, target] of Object.entries(archives)) {
    await t.test(kind, async () => {
      await runProgram(["skopeo", "copy", "--quiet", "--insecure-policy", `oci:${layout}:t`, target]);
      await succeeds(crib(node, "image", "import", join(dir, kind)));
      const [listed] = await images.list();
      // Docker's form has no media types of OCI, so its configuration, and with it the id, is another one.
      if (kind === "oci-archive") equal(listed?.id, image.id);
      match(listed?.repoTags[0] ?? "", /team\/app:v1$/);
      const expected = ["./", "./app", "./etc/", "./etc/os-release"];
      deepEqual(
        await withMountedImage(node, listed?.id ?? "", async (mounted) =>
          (await listTree(mounted)).map((line) => line.split(" ")[0]),
        ),
        expected,
      );
      await images.removeAll();
    });
  }
});

test("what is no archive of an image is refused and leaves nothing", needsRoot, async (t) => {
  const dir = temporary(t);
  const node = await startNode(t);
  const images = imageCalls(node);
  const files: Readonly<Record<string, Buffer>> = {
    empty: Buffer.alloc(0),
    noise: Buffer.alloc(100_000, "noise"),
    // A layer is an archive, but none of an image.
    layer: base.blob,
  };
  for (const [name, bytes] of Object.entries(files)) {
    writeFileSync(join(dir, name), bytes);
    const { exitCode, stderr } = await crib(node, "image", "import", join(dir, name));
    ok(exitCode !== 0, `${name} was imported`);
    ok(stderr.length > 0);
  }
  deepEqual(await images.list(), []);
});

test("the command line lists, shows, verifies and removes images", needsRoot, async (t) => {
  const { node, images, serve } = await startImageNode(t);
  const name = serve(image, "team/app");
  match(await succeeds(crib(node, "pull", name)), new RegExp(image.id));
  match(await succeeds(crib(node, "images")), /team\/app/);
  match(await succeeds(crib(node, "image", "verify")), /all sound/);
  const [listed] = await images.list();
  equal(listed?.id, image.id);
  equal(imageArchitecture("x64"), "amd64");
  await succeeds(crib(node, "rmi", name));
  deepEqual(await images.list(), []);
});

/** The root directory, of which no layer says anything, is as old as its unpacking. */
async function treeOf(node: Node, id: string): Promise<readonly string[]> {
  const lines = await withMountedImage(node, id, (dir) => listTree(dir));
  return lines.filter((line) => !line.startsWith("./ "));
}

function temporary(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "crib-archives-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { Images } from "@crib/wire/admin";

import { eventually } from "../support/eventually.ts";
import { blobPath } from "../support/images/blob-path.ts";
import { type ImageNode, startImageNode } from "../support/images/image-node.ts";
import type { TestImage } from "../support/images/image.ts";
import { indexedImage } from "../support/images/indexed-image.ts";
import { listTree } from "../support/images/list-tree.ts";
import { layerDirs, withMountedImage } from "../support/images/mount-image.ts";
import { unsoundBlobs } from "../support/images/store-state.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { randomNumbers } from "../support/random.ts";
import { runCrib } from "../support/run-crib.ts";

async function expectSound(node: Node): Promise<void> {
  const { exitCode, stdout } = await runCrib(node, "image", "verify");
  equal(exitCode, 0, stdout);
}

/** An image whose parts will be damaged, and how its tree was before. */
interface Patient {
  readonly image: TestImage;
  readonly name: string;
  readonly tree: readonly string[];
  /** Digest of its lowest own layer. */
  readonly digest: string;
  /** Where that layer is unpacked, and what its row is called. */
  readonly dir: string;
  readonly chainId: string;
}

async function admit({ node, images, serve }: ImageNode, which: number): Promise<Patient> {
  const image = indexedImage(which);
  const name = serve(image);
  await images.pull(name);
  const [, layer] = (await images.info(name)).layers;
  const { chainId = "", digest = "" } = layer ?? {};
  const dir = dirname(join(node.root, "snapshots", layerDirs(node).get(chainId) ?? "none"));
  return { image, name, tree: await withMountedImage(node, name, listTree), digest, dir, chainId };
}

function damageRow({ root }: Node, table: "images" | "snapshots", id: string): void {
  using database = new DatabaseSync(join(root, "metadata.db"));
  const { changes } = database
    .prepare(`UPDATE ${table} SET record = replace(record, '"version":1', '"version":9') WHERE id = ?`)
    .run(id);
  equal(changes, 1);
}

function damageFile(path: string): void {
  const bytes = readFileSync(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

const copyOf = ({ root }: Node, { image }: Patient): string => join(root, "images", image.id.slice(7), "record.json");

/** What is done to an image, whether it can be made whole without its registry. */
const damages: Readonly<
  Record<string, { readonly heals: boolean; readonly strike: (node: Node, it: Patient) => void }>
> = {
  nothing: { heals: true, strike: () => {} },
  "the directory of a layer is gone": { heals: true, strike: (_, { dir }) => rmSync(dir, { recursive: true }) },
  "the files of a layer are gone": {
    heals: true,
    strike: (_, { dir }) => rmSync(join(dir, "fs"), { recursive: true }),
  },
  "the row of a layer is damaged": {
    heals: true,
    strike: (node, { chainId }) => damageRow(node, "snapshots", chainId),
  },
  "the row of a layer and its copy are damaged": {
    heals: true,
    strike: (node, { chainId, dir }) => {
      damageRow(node, "snapshots", chainId);
      damageFile(join(dir, "snapshot.json"));
    },
  },
  "the row of the image is damaged": { heals: true, strike: (node, { image }) => damageRow(node, "images", image.id) },
  "the row of the image and its copy are damaged": {
    heals: false,
    strike: (node, it) => {
      damageRow(node, "images", it.image.id);
      damageFile(copyOf(node, it));
    },
  },
  "a layer is gone and its blob is damaged": {
    heals: false,
    strike: (node, { dir, digest }) => {
      rmSync(dir, { recursive: true });
      damageFile(blobPath(node, digest));
    },
  },
  "a layer is gone with its blob": {
    heals: false,
    strike: (node, { dir, digest }) => {
      rmSync(dir, { recursive: true });
      rmSync(blobPath(node, digest));
    },
  },
};

test("rows and layers that are damaged", needsRoot, async (t) => {
  const target = await startImageNode(t);
  const { node, images, registry } = target;
  const patients = new Map<string, Patient>();
  for (const what of Object.keys(damages)) patients.set(what, await admit(target, patients.size));
  await node.kill();
  for (const [what, patient] of patients) damages[what]?.strike(node, patient);
  registry.reset();
  await node.restart();
  for (const [what, patient] of patients) {
    const { image, name, tree } = patient;
    await t.test(what, async () => {
      if (damages[what]?.heals) {
        await eventually(10_000, async () => deepEqual(await withMountedImage(node, name, listTree), tree));
        equal(registry.requests.length, 0);
      } else await eventually(10_000, async () => equal(await images.status(name), undefined));
      equal(await images.pull(name), image.id);
      deepEqual(await withMountedImage(node, name, listTree), tree);
      registry.reset();
    });
  }
  await expectSound(node);
  deepEqual(await node.leaks(), []);
});

/** What is said of all images, so that two daemons can be compared. */
async function listed({ images }: ImageNode): Promise<readonly string[]> {
  return (await images.list())
    .map(({ id, repoTags, repoDigests, size, pinned }) =>
      JSON.stringify({ id, repoTags, repoDigests, size: `${size}`, pinned }),
    )
    .toSorted();
}

const databaseOf = ({ root }: Node): string => join(root, "metadata.db");

/** What may become of a database as a whole. */
const ends: Readonly<Record<string, (path: string) => void>> = {
  "is not one": (path) => writeFileSync(path, "this is no database\n".repeat(1_000)),
  "is cut off": (path) => truncateSync(path, 5_000),
  "is empty": (path) => truncateSync(path, 0),
  "is missing": (path) => rmSync(path),
};

test("images when the database", needsRoot, async (t) => {
  const target = await startImageNode(t);
  const { node, images, registry } = target;
  const patients = [await admit(target, 0), await admit(target, 1)];
  const [{ image } = { image: indexedImage(0) }] = patients;
  await images.pull(target.serve(image, "other/name"));
  const removed = await admit(target, 2);
  const before = await listed(target);
  for (const [what, strike] of Object.entries(ends)) {
    await t.test(what, async () => {
      equal(await images.pull(removed.name), removed.image.id);
      await images.remove(removed.name);
      await node.kill();
      for (const suffix of ["-wal", "-shm"]) rmSync(databaseOf(node) + suffix, { force: true });
      strike(databaseOf(node));
      registry.reset();
      await node.restart();
      deepEqual(
        await listed(target),
        before.filter((line) => !line.includes(removed.image.id)),
      );
      for (const { name, tree } of patients) deepEqual(await withMountedImage(node, name, listTree), tree);
      await expectSound(node);
      await node.cri.service(Images).collect({});
      for (const { name, tree } of patients) deepEqual(await withMountedImage(node, name, listTree), tree);
      equal(registry.requests.length, 0);
      deepEqual(await node.leaks(), []);
    });
  }
});

test("bits that are flipped in the database", needsRoot, async (t) => {
  const seed = Number(process.env["CRIB_TEST_SEED"] ?? Date.now() % 1_000_000);
  t.diagnostic(`CRIB_TEST_SEED=${seed}`);
  const random = randomNumbers(seed);
  const target = await startImageNode(t);
  const { node, images } = target;
  const patients = [await admit(target, 0), await admit(target, 1), await admit(target, 2)];
  const before = await listed(target);
  let lost = 0;
  for (let round = 0; round < 8; round++) {
    // All rows are in the database itself and none in its log.
    await node.term();
    const bytes = readFileSync(databaseOf(node));
    const flips = 1 + Math.floor(random() * 20);
    for (let flip = 0; flip < flips; flip++) {
      const at = Math.floor(random() * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    }
    writeFileSync(databaseOf(node), bytes);
    await node.restart();
    await eventually(10_000, async () => {
      for (const { id } of await images.list()) {
        const patient = patients.find(({ image }) => image.id === id);
        deepEqual(await withMountedImage(node, id, listTree), patient?.tree);
      }
    });
    // What is served is what it was.
    const now = await listed(target);
    for (const line of now) ok(before.includes(line), `round ${round}, ${flips} flips: ${line}\n${before.join("\n")}`);
    lost += before.length - now.length;
    for (const { name, image } of patients) equal(await images.pull(name), image.id);
    deepEqual(await listed(target), before);
    deepEqual(await unsoundBlobs(node), []);
  }
  t.diagnostic(`${lost} images had to be pulled again`);
  deepEqual(await node.leaks(), []);
});

import { equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import type { Fault } from "@crib/registry/testing";

import { moveToDisk } from "../support/disks/root-disk.ts";
import { bombLayer, zstdBomb } from "../support/images/bombs.ts";
import { startImageNode } from "../support/images/image-node.ts";
import { testImage } from "../support/images/image.ts";
import { layerOfBlob, sha256, testLayer } from "../support/images/layer.ts";
import { pullBombs } from "../support/images/pull-bombs.ts";
import { expectLayerRefused, expectRefused, pullGoodImage, warmUp } from "../support/images/refusals.ts";
import type { TarEntry } from "../support/images/tar-archive.ts";
import { tarHeader } from "../support/images/tar-header.ts";
import { whiteouts, whiteoutTimes } from "../support/images/whiteout-times.ts";
import { needsRoot } from "../support/needs-root.ts";

const exhausted = [Code.ResourceExhausted];

// CVE-2017-14992
test("layers that unpack to a thousand times their size take disk but no memory", needsRoot, async (t) => {
  const target = await startImageNode(t);
  await warmUp(target);
  for (const compression of ["gzip", "zstd"] as const) {
    // tests/soak has four times as many.
    await t.test(compression, async (t) => t.diagnostic(`${await pullBombs(target, 128, compression)} MiB more`));
  }
});

test("what is over a limit is refused when the limit is reached", needsRoot, async (t) => {
  const limits = { unpacked_size: "64MiB", entries: 1_000, header_size: "64KiB", path_size: "1KiB", layers: 100 };
  const target = await startImageNode(t, { images: { limits } });
  await warmUp(target);
  const bounds = { withinMs: 5_000, growthMib: 64, codes: exhausted };
  const one = bombLayer("zeros", 1_024);
  await t.test("100 layers of 1 GiB", async () => {
    const layers = Array.from({ length: 100 }, (_, layer) =>
      layer === 0 ? one : { ...one, diffId: sha256(Buffer.from(`${layer}`)) },
    );
    await expectRefused(target, () => target.pull(testImage(layers)), bounds);
  });
  await t.test("1 GiB as zstd", async () => {
    await expectLayerRefused(target, bombLayer("zeros", 1_024, "zstd"), bounds);
  });
  await t.test("entries", async () => {
    const entries = Array.from({ length: 1_001 }, (_, file) => ({ name: `f${file}` }));
    await expectLayerRefused(target, testLayer(entries), bounds);
    await target.pull(testImage([testLayer(entries.slice(1))]));
  });
  await t.test("a PAX header", async () => {
    await expectLayerRefused(target, testLayer([{ name: "f", pax: { comment: "x".repeat(65 << 10) } }]), {
      ...bounds,
      codes: [Code.ResourceExhausted, Code.InvalidArgument],
    });
  });
  await t.test("a path", async () => {
    await expectLayerRefused(target, testLayer([{ name: "a/".repeat(520) }]), {
      ...bounds,
      codes: [Code.ResourceExhausted, Code.InvalidArgument],
    });
  });
  await t.test("layers", async () => {
    const layers = Array.from({ length: 101 }, (_, layer) => testLayer([{ name: `${layer}` }]));
    await expectRefused(target, () => target.pull(testImage(layers)), {
      ...bounds,
      codes: [Code.ResourceExhausted, Code.InvalidArgument],
    });
  });
  await pullGoodImage(target);
});

test("a zstd window of 2 GiB is not allocated", needsRoot, async (t) => {
  const target = await startImageNode(t);
  await warmUp(target);
  const header = tarHeader({
    name: Buffer.from("z"),
    typeFlag: "0",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 1 << 28,
    mtime: 0,
  });
  const blob = zstdBomb(header, 256, 31);
  await expectLayerRefused(target, layerOfBlob(blob, sha256(blob), "zstd"), { withinMs: 5_000, growthMib: 64 });
});

// CVE-2026-95838
test("opaque directories and whiteouts take time in proportion", needsRoot, async (t) => {
  const target = await startImageNode(t);
  // Of its own, since on some file systems all that was removed before slows down what is made after.
  await moveToDisk(t, target.node, { megabytes: 1_024, inodes: 250_000 });
  await warmUp(target);
  for (const [name, entryOf] of Object.entries(whiteouts)) {
    // tests/soak has twice as many; with far fewer what grows with the square would not show.
    await t.test(name, async (t) => t.diagnostic(JSON.stringify(await whiteoutTimes(target, 50_000, entryOf))));
  }
});

test("deep directories and long chains of links are pulled and removed, or refused", needsRoot, async (t) => {
  const target = await startImageNode(t);
  await warmUp(target);
  const deep = "d/".repeat(1_900);
  const chain = Array.from({ length: 20_000 }, (_, link): TarEntry => ({
    name: `l${link}`,
    type: "symlink",
    linkname: `l${link + 1}`,
  }));
  const hard = Array.from({ length: 20_000 }, (_, link): TarEntry => ({
    name: `h${link + 1}`,
    type: "link",
    linkname: `h${link}`,
  }));
  const layers: Readonly<Record<string, readonly TarEntry[]>> = {
    "1,900 directories deep": [{ name: `${deep}f`, content: "x" }],
    "a chain of 20,000 symbolic links": [...chain, { name: "l0/f", content: "x" }],
    "20,000 hard links to each other": [{ name: "h0", content: "x" }, ...hard],
  };
  for (const [name, entries] of Object.entries(layers)) {
    await t.test(name, async () => {
      const id = await target
        .pull(testImage([testLayer(entries)]))
        .catch((reason: unknown) => t.diagnostic(String(reason)));
      target.expectUnharmed();
      if (id) await target.images.remove(id);
      await pullGoodImage(target);
    });
  }
});

// CVE-2023-25153
test("documents of 5 GiB are cut off early", needsRoot, async (t) => {
  const target = await startImageNode(t, { registry: { tries: 1 } });
  const { registry } = target;
  await warmUp(target);
  const bytes = 5 * 2 ** 30;
  const image = testImage([testLayer([{ name: "f" }])]);
  const bounds = { withinMs: 10_000, growthMib: 64 };
  const places = {
    manifest: "/manifests/t",
    configuration: image.id,
    layer: image.blobs.keys().toArray().at(-1) ?? "",
  };
  for (const [place, path] of Object.entries(places)) {
    for (const isAnnounced of [true, false]) {
      await t.test(`${place}${isAnnounced ? "" : " that does not say so"}`, async () => {
        const sent = { bytes: 0 };
        const name = target.serve(image);
        registry.reset();
        registry.script({ path }, endless(bytes, isAnnounced, sent));
        await expectRefused(target, () => target.images.pull(name), bounds);
        // What the connection itself holds, beside the limit of 4 or 8 MiB.
        ok(sent.bytes < 24 << 20, `${sent.bytes} bytes were sent`);
      });
    }
  }
  registry.reset();
  await t.test("descriptors that say so", async () => {
    for (const place of ["config", "layers"] as const) {
      const said = testImage([testLayer([{ name: `huge ${place}` }])], {
        changeManifest: (json) => {
          const huge = (one: unknown): unknown => ({ ...(one as object), size: place === "config" ? bytes : 2 ** 60 });
          return {
            ...json,
            [place]: place === "config" ? huge(json["config"]) : (json["layers"] as unknown[]).map(huge),
          };
        },
      });
      await expectRefused(target, () => target.pull(said), bounds);
    }
  });
  await rejects(target.images.pull(`${registry.host}/none:t`), { code: Code.NotFound });
  equal((await target.images.list()).length, 0);
});

/** Spaces without an end, as fast as they are taken. */
function endless(bytes: number, isAnnounced: boolean, sent: { bytes: number }): Fault {
  return async ({ content, response }) => {
    const headers = { "content-type": content?.mediaType ?? "", ...(isAnnounced && { "content-length": bytes }) };
    response.writeHead(200, headers);
    const chunk = Buffer.alloc(64 << 10, " ");
    while (sent.bytes < bytes && !response.destroyed) {
      sent.bytes += chunk.length;
      await new Promise((resolve) => response.write(chunk, resolve));
    }
  };
}

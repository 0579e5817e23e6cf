import { equal, ok } from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { type ImageNode, startImageNode } from "../support/images/image-node.ts";
import { mediaTypes, testImage, type TestImage, testIndex } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { mutateJson } from "../support/images/mutate-json.ts";
import { expectRefused, refusals, warmUp } from "../support/images/refusals.ts";
import { needsRoot } from "../support/needs-root.ts";

const layer = testLayer([{ name: "hello", content: "world" }]);
const goodOptions = { config: { Labels: { a: "b" }, User: "1000" } };
const good = testImage([layer], goodOptions);
const bounds = { withinMs: 5_000, growthMib: 32 };

type Json = Readonly<Record<string, unknown>>;

function manifestOf(image: TestImage): Json {
  return JSON.parse(image.top.bytes.toString()) as Json;
}

/** Pulls; gives the code of the refusal, or undefined when it was pulled, and then removes it again. */
async function pullAndRemove({ images }: ImageNode, name: string): Promise<Code | undefined> {
  try {
    await images.remove(await images.pull(name));
    return undefined;
  } catch (reason) {
    ok(reason instanceof StatusError, String(reason));
    // A platform that is none is another one; a type that is none is one that crib does not know.
    ok([...refusals, Code.NotFound, Code.Unimplemented].includes(reason.code), reason.message);
    return reason.code;
  }
}

/** One after the other, on one node. */
const parts: Readonly<Record<string, (t: TestContext, target: ImageNode) => Promise<void>>> = {
  // CVE-2021-21285
  "300 damaged manifests are refused, each and every one, by a daemon that lives on": async (t, target) => {
    const manifest = { ...manifestOf(good), annotations: { a: "b" } };
    let count = 0;
    for (const { name, path, document } of mutateJson(manifest)) {
      await t.test(name, async () => {
        const image = testImage([layer], { ...goodOptions, changeManifest: () => document });
        const refusal = await pullAndRemove(target, target.serve(image));
        // Without these there is no image; the type of the manifest is told by the registry too, annotations are for people.
        const isNeeded = ["config", "layers", "schemaVersion"].includes(path[0] ?? "") && path.at(-1) !== "mediaType";
        if (isNeeded) ok(refusal !== undefined, "it was pulled");
        target.expectUnharmed();
      });
      count++;
    }
    ok(count > 150, `only ${count}`);
  },

  "damaged configurations are refused or harmless": async (t, target) => {
    const config = JSON.parse(good.blobs.get(good.id)?.toString() ?? "") as Json;
    let count = 0;
    for (const { name, path, document } of mutateJson(config)) {
      await t.test(name, async () => {
        const image = testImage([layer], { changeConfig: () => document });
        const refusal = await pullAndRemove(target, target.serve(image));
        if (path[0] === "rootfs" && path[1] !== "type") ok(refusal !== undefined, "it was pulled");
        target.expectUnharmed();
      });
      count++;
    }
    ok(count > 150, `only ${count}`);
  },

  "documents that are no JSON objects are refused": async (t, target) => {
    const texts = ["", "null", "[]", "1", '"x"', "{", "{}", "[".repeat(1e6), '{"a":'.repeat(1e5), "\ufeff{}", "\0"];
    for (const text of texts) {
      await t.test(`manifest ${JSON.stringify(text.slice(0, 10))} of ${text.length} characters`, async () => {
        const image = testImage([layer], { changeManifest: () => Buffer.from(text) });
        await expectRefused(target, () => target.pull(image), bounds);
      });
      await t.test(`configuration ${JSON.stringify(text.slice(0, 10))} of ${text.length} characters`, async () => {
        const image = testImage([layer], { changeConfig: () => Buffer.from(text) });
        await expectRefused(target, () => target.pull(image), bounds);
      });
    }
  },

  // CVE-2026-95839, CVE-2024-3727, GHSA-f689-h8m7-3jp2, CVE-2014-9358
  "what is no digest becomes neither a path nor a URL": async (t, target) => {
    const hex = layer.digest.slice(7);
    const digests = [
      "",
      "x",
      "sha256:",
      "sha256",
      `sha256:${hex}0`,
      `sha256:${hex.slice(1)}`,
      `sha256:${hex.toUpperCase()}`,
      `SHA256:${hex}`,
      "sha256:../../x",
      `sha256:${"/".repeat(64)}`,
      `sha256:${hex.slice(0, 60)}/../`,
      `sha256:${hex.slice(0, 63)}\n`,
      `sha256:${hex}\n`,
      `sha256:${hex}\0`,
      `sha256:${hex.slice(0, 62)}%2e`,
      `md5:${hex.slice(0, 32)}`,
      "md5:..",
      `sha512:${hex}`,
      `sha256:sha256:${hex}`,
      "../../etc/passwd",
      "__proto__",
    ];
    const places: Readonly<Record<string, (digest: string) => TestImage>> = {
      config: (digest) =>
        testImage([layer], {
          changeManifest: (json) => ({ ...json, config: { ...(json["config"] as Json), digest } }),
        }),
      layer: (digest) =>
        testImage([layer], {
          changeManifest: (json) => ({ ...json, layers: [{ ...(json["layers"] as Json[])[0], digest }] }),
        }),
      "entry of an index": (digest) =>
        testIndex([{ image: good, platform: { os: "linux", architecture: "amd64" } }], {
          changeIndex: (json) => ({ ...json, manifests: [{ ...(json["manifests"] as Json[])[0], digest }] }),
        }),
      "diff id": (digest) =>
        testImage([layer], { changeConfig: (json) => ({ ...json, rootfs: { type: "layers", diff_ids: [digest] } }) }),
    };
    for (const [place, imageWith] of Object.entries(places)) {
      for (const digest of digests) {
        await t.test(`${place} ${JSON.stringify(digest)}`, async () => {
          const name = target.serve(imageWith(digest));
          const before = target.registry.requests.length;
          await expectRefused(target, () => target.images.pull(name), bounds);
          const asked = target.registry.requests.slice(before).map(({ path }) => path);
          // What has the digest in it is read before, and nothing after it.
          ok(asked.length <= (place === "diff id" ? 3 : 2), asked.join(" "));
          if (digest.length > 1)
            ok(!asked.some((path) => decodeURIComponent(path).endsWith(`/${digest}`)), asked.join(" "));
        });
      }
    }
    // The kubelet may only forward the name; it is the image's author who has chosen it.
    for (const digest of digests.filter((one) => one !== "" && !/[\n\0]/.test(one))) {
      const before = target.registry.requests.length;
      await expectRefused(target, () => target.images.pull(`${target.registry.host}/app@${digest}`), bounds);
      equal(target.registry.requests.length, before);
      equal(await target.images.status(digest), undefined);
      await target.images.remove(digest);
    }
    // The same one as annotation and subject, which nobody reads, harms nobody.
    for (const digest of digests) {
      const annotated = testImage([layer], {
        changeManifest: (json) => ({
          ...json,
          subject: { mediaType: mediaTypes.oci.manifest, digest, size: 1 },
          annotations: { "containerd.io/distribution.source": digest, "org.opencontainers.image.base.digest": digest },
        }),
      });
      await pullAndRemove(target, target.serve(annotated));
      target.expectUnharmed();
    }
  },

  // GO-2026-6597
  "indexes of indexes are followed so far and no farther": async (t, target) => {
    const platform = { os: "linux", architecture: "amd64" };
    const deep = (depth: number, width: number): TestImage => {
      let image = good;
      for (let level = 0; level < depth; level++) {
        const children = Array.from({ length: width }, (_, child) => ({
          image,
          platform,
          annotations: { child: `${child}` },
        }));
        image = testIndex(children, { changeIndex: (json) => ({ ...json, annotations: { level: `${level}` } }) });
      }
      return image;
    };
    // Different children on each level would be 16^8 documents; the registry has them under as many names as it likes.
    for (const [depth, width] of [
      [8, 16],
      [64, 1],
      [5, 64],
    ] as const) {
      await t.test(`${depth} deep, ${width} wide`, async () => {
        const name = target.serve(deep(depth, width));
        const before = target.registry.requests.length;
        await expectRefused(target, () => target.images.pull(name), bounds);
        const asked = target.registry.requests.length - before;
        ok(asked <= 64, `${asked} requests`);
      });
    }
    await t.test("100,000 entries", async () => {
      const { mediaType, digest, bytes } = good.top;
      const manifests = Array.from({ length: 100_000 }, () => ({ mediaType, digest, size: bytes.length, platform }));
      const name = target.serve(
        testIndex([], { changeIndex: (json) => ({ ...json, manifests: manifests.slice(0, 20_000) }) }),
      );
      await expectRefused(target, () => target.images.pull(name), bounds);
    });
    await t.test("100,000 layers", async () => {
      const image = testImage([layer], {
        changeManifest: (json) => ({
          ...json,
          layers: Array.from({ length: 20_000 }, () => (json["layers"] as Json[])[0]),
        }),
      });
      await expectRefused(target, () => target.pull(image), bounds);
    });
  },

  // CVE-2021-41190
  "a document is one thing and says which": async (t, target) => {
    const manifest = manifestOf(good);
    const descriptor = { mediaType: mediaTypes.oci.manifest, digest: good.top.digest, size: good.top.bytes.length };
    const confusions: readonly (readonly [string, Json, string])[] = [
      ["layers and manifests", { ...manifest, manifests: [descriptor] }, mediaTypes.oci.manifest],
      ["layers and manifests as an index", { ...manifest, manifests: [descriptor] }, mediaTypes.oci.index],
      ["a manifest served as an index", manifest, mediaTypes.oci.index],
      [
        "an index in a manifest's clothes",
        { schemaVersion: 2, mediaType: mediaTypes.oci.manifest, manifests: [descriptor] },
        mediaTypes.oci.manifest,
      ],
      [
        "an index that says it is a manifest",
        { schemaVersion: 2, mediaType: mediaTypes.oci.manifest, manifests: [descriptor] },
        mediaTypes.oci.index,
      ],
      ["an OCI manifest served as one of Docker", manifest, mediaTypes.docker.manifest],
      [
        "a manifest of schema 1",
        { ...manifest, schemaVersion: 1 },
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
      ],
    ];
    for (const [index, [name, document, mediaType]] of confusions.entries()) {
      await t.test(name, async () => {
        const { registry } = target;
        for (const blob of good.blobs.values()) registry.addBlob(blob);
        registry.addManifest(`confused${index}`, ["t"], document, mediaType);
        await expectRefused(target, () => target.images.pull(`${registry.host}/confused${index}:t`), bounds);
      });
    }
  },
};

test("hostile documents of images", needsRoot, async (t) => {
  const target = await startImageNode(t);
  await warmUp(target);
  for (const [name, run] of Object.entries(parts)) await t.test(name, (t) => run(t, target));
});

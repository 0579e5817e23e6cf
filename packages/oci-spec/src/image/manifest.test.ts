import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { digestOf } from "./digest.ts";
import { type ManifestLimits, parseManifest } from "./manifest.ts";
import { mediaTypes } from "./media-types.ts";
import type { ImageIndex, ImageManifest } from "./types.ts";

type Members = Record<string, unknown>;

const layer = { mediaType: mediaTypes.ociLayerGzip, digest: digestOf("layer"), size: 5 };
const config = { mediaType: mediaTypes.ociConfig, digest: digestOf("config"), size: 3 };
const manifest = { schemaVersion: 2, config, layers: [layer] };
const child = { mediaType: mediaTypes.ociManifest, digest: digestOf("child"), size: 7 };
const index = { schemaVersion: 2, manifests: [child] };

function parse(value: unknown, contentType?: string, limits?: Partial<ManifestLimits>): ImageManifest | ImageIndex {
  return parseManifest(Buffer.from(JSON.stringify(value)), contentType, limits);
}

function refuses(value: unknown, message: RegExp, contentType?: string): void {
  throws(() => parse(value, contentType), { code: Code.InvalidArgument, message });
}

test("manifests and indexes of both kinds are read", () => {
  deepEqual(parse(manifest), { kind: "manifest", mediaType: mediaTypes.ociManifest, config, layers: [layer] });
  deepEqual(parse(index, "application/json"), { kind: "index", mediaType: mediaTypes.ociIndex, manifests: [child] });
  const docker = { ...manifest, mediaType: mediaTypes.dockerManifest, layers: [{ ...layer, urls: ["http://x/"] }] };
  const read = parse(docker, `${mediaTypes.dockerManifest}; charset=utf-8`);
  ok(read.kind === "manifest");
  equal(read.mediaType, mediaTypes.dockerManifest);
  deepEqual(read.layers, [layer]);
  equal(parse({ ...index, mediaType: mediaTypes.dockerManifestList }).kind, "index");
});

test("a platform and annotations are taken over, empty ones left out", () => {
  const entry = { ...child, platform: { os: "linux", architecture: "arm64", variant: "", "os.version": 5 } };
  const annotations = JSON.parse('{"__proto__":"x","constructor":"y"}') as Members;
  const read = parse({
    ...index,
    manifests: [entry, { ...child, platform: { os: "", architecture: "" }, annotations }, { ...child, platform: null }],
  });
  ok(read.kind === "index");
  deepEqual(read.manifests[0]?.platform, { os: "linux", architecture: "arm64" });
  equal(read.manifests[1]?.platform, undefined);
  deepEqual(Object.entries(read.manifests[1]?.annotations ?? {}), [
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
});

test("a document that could be read as both kinds is refused (CVE-2021-41190)", () => {
  refuses({ ...manifest, manifests: [child] }, /could be read as a manifest and as an index/);
  refuses({ ...manifest, manifests: [] }, /could be read/);
  refuses({ ...index, config }, /could be read/);
  refuses(manifest, /layers is a list of 1, expected nothing in an index/, mediaTypes.ociIndex);
  refuses({ ...index, mediaType: mediaTypes.ociManifest }, /manifests is a list of 1, expected nothing in a manifest/);
  refuses(
    { ...manifest, mediaType: mediaTypes.ociManifest },
    /mediaType is .*, as the content type says/,
    mediaTypes.dockerManifest,
  );
  refuses(manifest, /content type is "text\/html"/, "text/html");
  refuses({ ...manifest, mediaType: mediaTypes.ociLayer }, /mediaType is/);
});

test("what is missing, null or of another type is named", () => {
  refuses({ ...manifest, schemaVersion: "2" }, /schemaVersion is "2", expected 2/);
  refuses({ schemaVersion: 1, fsLayers: [] }, /schema 1 is obsolete/);
  refuses({ ...manifest, config: null }, /config is nothing, expected an object/);
  refuses({ ...manifest, layers: null }, /layers is nothing, expected a list/);
  refuses({ ...manifest, layers: {} }, /layers is an object, expected a list/);
  refuses({ ...manifest, layers: [null] }, /layers\[0\] is null, expected an object/);
  refuses({ schemaVersion: 2, config }, /layers is nothing/);
  refuses({ schemaVersion: 2 }, /config is nothing/);
  refuses([manifest], /is a list of 1, expected a JSON object/);
  refuses(null, /is null, expected a JSON object/);
  for (const size of [-1, 0.5, 2 ** 53, 1e300, "5", null]) {
    refuses({ ...manifest, layers: [{ ...layer, size }] }, /layers\[0\]\.size is .*, expected a number of bytes/);
  }
  const half = { ...layer, size: Number.MAX_SAFE_INTEGER };
  refuses({ ...manifest, layers: [half, half] }, /whose sum is a safe number/);
});

test("a bad digest is an error where it leads somewhere and nothing elsewhere (CVE-2026-95839)", () => {
  for (const digest of ["sha256:", "x", `sha256:${"a".repeat(65)}`, layer.digest.toUpperCase(), "", null, 5, {}]) {
    refuses({ ...manifest, layers: [layer, { ...layer, digest }] }, /layers\[1\]\.digest is/);
    refuses({ ...manifest, config: { ...config, digest } }, /config\.digest is/);
    refuses({ ...index, manifests: [{ ...child, digest }] }, /manifests\[0\]\.digest is/);
    equal(parse({ ...manifest, subject: { digest }, annotations: { "x.digest": digest } }).kind, "manifest");
  }
  refuses({ ...index, manifests: [{ ...child, annotations: { a: 5 } }] }, /manifests\[0\]\.annotations\["a"\] is 5/);
});

test("artifacts and layers that cannot be unpacked are refused", () => {
  const empty = { ...config, mediaType: "application/vnd.oci.empty.v1+json" };
  refuses({ ...manifest, config: empty }, /an artifact, no image/);
  refuses({ ...manifest, config: { ...config, mediaType: "application/octet-stream" } }, /an artifact/);
  const old = {
    ...manifest,
    mediaType: mediaTypes.dockerManifest,
    config: { ...config, mediaType: "application/octet-stream" },
  };
  equal(parse(old).kind, "manifest");
  const refused = {
    [mediaTypes.dockerForeignLayer]: /not distributable/,
    "text/plain": /no type that can be unpacked/,
  };
  for (const [mediaType, message] of Object.entries(refused)) {
    throws(() => parse({ ...manifest, layers: [{ ...layer, mediaType }] }), { code: Code.Unimplemented, message });
  }
});

test("bytes and counts are limited", () => {
  throws(() => parseManifest(Buffer.alloc((4 << 20) + 1, " ")), { code: Code.ResourceExhausted });
  throws(() => parse(manifest, undefined, { bytes: 10 }), { code: Code.ResourceExhausted });
  refuses({ ...manifest, layers: Array.from({ length: 513 }, () => layer) }, /a list of at most 512/);
  refuses({ ...index, manifests: Array.from({ length: 1_001 }, () => child) }, /a list of at most 1000/);
  equal(
    parse({ ...manifest, layers: Array.from({ length: 600 }, () => layer) }, undefined, { layers: 600 }).kind,
    "manifest",
  );
});

test("bytes that are no JSON in UTF-8 are refused, however deep they are nested", () => {
  const nested = `{"schemaVersion":2,"x":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
  for (const text of ["", "{", "{}}", '{"a":1,}', "NaN", nested, "[".repeat(90_000)]) {
    throws(() => parseManifest(Buffer.from(text)), { code: Code.InvalidArgument }, text.slice(0, 40));
  }
  throws(() => parseManifest(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), { message: /not JSON in UTF-8/ });
});

import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import {
  digestOf,
  formatReference,
  parseImageConfig,
  parseManifest,
  parseReference,
  platformOf,
  selectPlatform,
} from "../index.ts";
import { mediaTypes } from "./media-types.ts";

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const layer = { mediaType: mediaTypes.dockerLayer, digest: digestOf("layer"), size: 5, annotations: { a: "b" } };
const seeds: readonly unknown[] = [
  {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: digestOf("config"), size: 3 },
    layers: [layer, { ...layer, digest: digestOf("other", "sha512") }],
    subject: { mediaType: mediaTypes.ociManifest, digest: digestOf("subject"), size: 1 },
  },
  {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifestList,
    manifests: [
      { ...layer, mediaType: mediaTypes.dockerManifest, platform: { os: "linux", architecture: "amd64" } },
      { ...layer, mediaType: mediaTypes.dockerManifest, platform: { os: "linux", architecture: "arm", variant: "v7" } },
    ],
  },
  {
    os: "linux",
    architecture: "amd64",
    created: "2026-01-01T00:00:00Z",
    config: {
      User: "0",
      Env: ["A=b"],
      Cmd: ["x"],
      Labels: { a: "b" },
      Volumes: { "/x": {} },
      ExposedPorts: { "1/tcp": {} },
    },
    rootfs: { type: "layers", diff_ids: [digestOf("a"), digestOf("b")] },
  },
];
const strange: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  2 ** 53,
  "",
  "\0",
  "\ud800",
  "sha256:",
  "sha256:../../x",
  "__proto__",
  "a".repeat(10_000),
  [],
  [[]],
  [null],
  {},
  { length: 1 },
  { toString: 1 },
  { digest: 5 },
  mediaTypes.ociIndex,
  mediaTypes.ociForeignLayer,
];

function pick<T>(random: () => number, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}

/** The value with one member, somewhere, replaced, removed or doubled. */
function mutate(value: unknown, random: () => number): unknown {
  if (typeof value !== "object" || value === null || random() < 0.15) return pick(random, strange);
  const copy = structuredClone(value) as Record<string, unknown>;
  const keys = Object.keys(copy);
  const key =
    keys.length === 0 || random() < 0.1
      ? pick(random, ["layers", "manifests", "config", "0", "unknown"])
      : pick(random, keys);
  if (random() < 0.15) delete copy[key];
  else copy[key] = mutate(copy[key], random);
  return copy;
}

function mangle(bytes: Buffer, random: () => number): Buffer {
  for (let count = Math.floor(random() * 4) - 1; count > 0; count--) {
    bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  }
  return random() < 0.1 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
}

const expected: ReadonlySet<number> = new Set([Code.InvalidArgument, Code.Unimplemented, Code.NotFound]);

/** Whether it worked; fails when anything but a typed, short error comes out. */
function survives(run: () => unknown, what: string): boolean {
  try {
    run();
    return true;
  } catch (error) {
    ok(
      error instanceof StatusError && expected.has(error.code) && error.message.length < 1_000,
      `${what}: ${String(error)}`,
    );
    return false;
  }
}

test("mutated manifests, indexes and configurations give results or typed errors", () => {
  const random = seededRandom(20_261_121);
  const counts = { good: 0, bad: 0 };
  for (let round = 0; round < 3_000; round++) {
    let value = pick(random, seeds);
    for (let depth = Math.floor(random() * 3); depth > 0; depth--) value = mutate(value, random);
    const bytes = mangle(Buffer.from(JSON.stringify(value)), random);
    const contentType = pick(random, [undefined, "application/json", ...Object.values(mediaTypes)]);
    const survived = [
      survives(() => {
        const manifest = parseManifest(bytes, contentType);
        if (manifest.kind === "index") selectPlatform(manifest, platformOf("linux", "arm"));
      }, `round ${round}`),
      survives(() => parseImageConfig(bytes), `round ${round}`),
    ];
    for (const good of survived) counts[good ? "good" : "bad"]++;
  }
  ok(counts.good > 100 && counts.bad > 1_000, JSON.stringify(counts));
});

test("mutated references give results or typed errors, and what was read is read again", () => {
  const random = seededRandom(7);
  const alphabet = Array.from("ab0./:@-_[]A \n\0sha256");
  for (let round = 0; round < 3_000; round++) {
    const chars = Array.from("host.io:5000/a/b:tag");
    for (let count = Math.floor(random() * 4); count >= 0; count--) {
      chars[Math.floor(random() * (chars.length + 1))] = pick(random, alphabet);
    }
    const text = chars.join("");
    survives(() => {
      const reference = parseReference(text);
      deepEqual(parseReference(formatReference(reference)), reference);
    }, text);
  }
});

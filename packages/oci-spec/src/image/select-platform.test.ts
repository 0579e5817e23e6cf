import { equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { platformOf } from "../platform.ts";
import { digestOf } from "./digest.ts";
import { mediaTypes } from "./media-types.ts";
import { selectPlatform } from "./select-platform.ts";
import type { Descriptor, ImageIndex } from "./types.ts";

function entry(name: string, fields: Partial<Descriptor> = {}): Descriptor {
  const [os = "", architecture = "", variant] = name.split("/");
  const platform = os === "" ? {} : { platform: { os, architecture, ...(variant !== undefined && { variant }) } };
  return {
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(name + JSON.stringify(fields)),
    size: 1,
    ...platform,
    ...fields,
  };
}

function choose(os: string, nodeArch: string, entries: readonly Descriptor[]): number {
  const index: ImageIndex = { kind: "index", mediaType: mediaTypes.ociIndex, manifests: entries };
  return entries.indexOf(selectPlatform(index, platformOf(os, nodeArch)));
}

const attestation = entry("unknown/unknown");
const annotated = entry("linux/amd64", { annotations: { "vnd.docker.reference.type": "attestation-manifest" } });

test("the exact platform is chosen, the first among equals", () => {
  const entries = [
    attestation,
    annotated,
    entry("linux/arm64"),
    entry("linux/amd64"),
    entry("linux/amd64", { size: 2 }),
  ];
  equal(choose("linux", "x64", entries), 3);
  equal(choose("linux", "arm64", entries), 2);
});

test("variants: exact first, then earlier ones", () => {
  equal(choose("linux", "arm64", [entry("linux/arm64/v9"), entry("linux/arm64/v8")]), 1);
  equal(choose("linux", "arm64", [entry("linux/aarch64")]), 0);
  equal(choose("linux", "arm", [entry("linux/arm/v5"), entry("linux/arm/v6"), entry("linux/arm/v7")]), 2);
  equal(choose("linux", "arm", [entry("linux/arm/v5"), entry("linux/arm/v6")]), 1);
  equal(choose("linux", "arm", [entry("linux/arm/v5"), entry("linux/arm")]), 1);
  equal(choose("linux", "x64", [entry("linux/amd64/v3"), entry("linux/amd64/v1")]), 1);
  throws(() => choose("linux", "x64", [entry("linux/amd64/v3")]), { code: Code.NotFound });
  equal(choose("linux", "riscv64", [entry("linux/riscv64/rva23u64"), entry("linux/riscv64")]), 1);
});

test("an entry without platform is given only where none matches; a manifest before an index", () => {
  const nested = entry("", { mediaType: mediaTypes.dockerManifestList });
  const other = entry("", { mediaType: "application/spdx+json" });
  equal(choose("linux", "x64", [other, nested, entry(""), entry("linux/amd64")]), 3);
  equal(choose("linux", "x64", [other, nested, entry(""), entry("linux/arm64")]), 2);
  equal(choose("linux", "x64", [other, nested, attestation]), 1);
});

test("an error lists the platforms there are, shortened", () => {
  throws(() => choose("linux", "s390x", [attestation, annotated, entry("linux/arm/v7"), entry("windows/amd64")]), {
    code: Code.NotFound,
    message: 'choosing the image for "linux/s390x" from an index: it has "linux/arm/v7", "windows/amd64"',
  });
  throws(() => choose("linux", "x64", []), { code: Code.NotFound, message: /it names no platform/ });
  const many = Array.from({ length: 500 }, (_, index) => entry(`os${index}\n/${"x".repeat(1_000)}`));
  throws(
    () => choose("linux", "x64", many),
    (error: Error) =>
      error.message.length < 4_000 && !error.message.includes("\n") && error.message.includes("480 more"),
  );
});

import { Code, StatusError } from "@crib/errdefs";

import type { PlatformName } from "../platform.ts";
import { isIndexType, isManifestType } from "./media-types.ts";
import { showValue } from "./show-value.ts";
import type { Descriptor, ImageIndex } from "./types.ts";

/** Names of processors that some tools write instead of Go's. */
const goNames: ReadonlyMap<string, string> = new Map([
  ["x86_64", "amd64"],
  ["x86-64", "amd64"],
  ["aarch64", "arm64"],
  ["i386", "386"],
]);

/** The variant that is meant where none is written. */
const impliedVariants: ReadonlyMap<string, string> = new Map([
  ["amd64", "v1"],
  ["arm64", "v8"],
  ["arm", "v7"],
]);

/** How many platforms an error lists. */
const listLimit = 20;

function normalise({ os, architecture, variant }: NonNullable<Descriptor["platform"]>): PlatformName {
  const name = goNames.get(architecture) ?? architecture;
  const written = variant !== undefined && /^[0-9]$/.test(variant) ? `v${variant}` : variant;
  return { os, architecture: name, variant: written || (impliedVariants.get(name) ?? "") };
}

/** What the processor runs, the best first: each generation runs the code of the earlier ones. */
function runnableVariants({ architecture, variant }: PlatformName): readonly string[] {
  const lowest = architecture === "arm" ? 5 : architecture === "arm64" ? 8 : 1;
  const generation = /^v([1-9])$/.exec(variant)?.[1];
  if (!impliedVariants.has(architecture) || generation === undefined) return variant === "" ? [""] : [variant, ""];
  const count = Math.max(Number(generation) - lowest + 1, 1);
  return Array.from({ length: count }, (_, index) => `v${Number(generation) - index}`);
}

/** Attestations of build tools are manifests that no processor runs. */
function isAttestation({ platform, annotations }: Descriptor): boolean {
  return (
    annotations?.["vnd.docker.reference.type"] !== undefined ||
    (platform?.os === "unknown" && platform.architecture === "unknown")
  );
}

function formatPlatform({ os, architecture, variant }: NonNullable<Descriptor["platform"]>): string {
  return [os, architecture, ...(variant ? [variant] : [])].join("/");
}

function noneMatches(candidates: readonly Descriptor[], platform: PlatformName): StatusError {
  const names = new Set(candidates.flatMap((entry) => (entry.platform ? [formatPlatform(entry.platform)] : [])));
  const listed = [...names].slice(0, listLimit).map((name) => showValue(name));
  const more = names.size > listLimit ? ` and ${names.size - listLimit} more` : "";
  const there = listed.length === 0 ? "it names no platform" : `it has ${listed.join(", ")}${more}`;
  return new StatusError(Code.NotFound, `choosing the image for "${formatPlatform(platform)}" from an index: ${there}`);
}

/**
 * Chooses the entry of an index for a platform: the same variant first, then earlier ones that the processor runs too (arm v7:
 * v6, v5; arm64 without a variant is v8, amd64 is v1); among equals the first. Attestations and whatever is neither a
 * manifest nor an index are passed over. Only where no entry names the platform, one that names none is given: the first
 * manifest (its configuration tells whether it fits), else the first index, which the caller resolves in turn and
 * whose depth it must limit. NotFound lists the platforms there are.
 */
export function selectPlatform(index: ImageIndex, platform: PlatformName): Descriptor {
  const candidates = index.manifests.filter(
    (entry) => (isManifestType(entry.mediaType) || isIndexType(entry.mediaType)) && !isAttestation(entry),
  );
  const wanted = normalise(platform);
  const named = candidates.flatMap((entry) => (entry.platform ? [{ entry, is: normalise(entry.platform) }] : []));
  for (const variant of runnableVariants(wanted)) {
    const found = named.find(
      ({ is }) => is.os === wanted.os && is.architecture === wanted.architecture && is.variant === variant,
    );
    if (found !== undefined) return found.entry;
  }
  const unnamed = candidates.filter((entry) => entry.platform === undefined);
  const fallback = unnamed.find((entry) => isManifestType(entry.mediaType)) ?? unnamed[0];
  if (fallback === undefined) throw noneMatches(candidates, platform);
  return fallback;
}

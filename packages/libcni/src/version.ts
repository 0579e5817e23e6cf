import { Code, StatusError } from "@crib/errdefs";

import { quote } from "./json.ts";

/** The specification versions this library speaks, oldest first. */
export const supportedVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

/** One of `supportedVersions`. */
export type CniVersion = (typeof supportedVersions)[number];

/** The version every result is converted to before a caller sees it. */
export const newestVersion = "1.1.0" satisfies CniVersion;

/** Whether this library speaks `version`, byte for byte as written. */
export function isSupportedVersion(version: string): version is CniVersion {
  return (supportedVersions as readonly string[]).includes(version);
}

/** Whether `version` is `floor` or newer. */
export function isAtLeast(version: CniVersion, floor: CniVersion): boolean {
  return supportedVersions.indexOf(version) >= supportedVersions.indexOf(floor);
}

/**
 * The newest version among `candidates` that this library speaks.
 * Fails `FailedPrecondition`, naming both sides, when there is none.
 */
export function highestSupported(candidates: readonly string[], doing: string): CniVersion {
  const found = supportedVersions.findLast((version) => candidates.includes(version));
  if (found !== undefined) return found;
  const asked = candidates.slice(0, 10).map(quote).join(", ");
  throw new StatusError(
    Code.FailedPrecondition,
    `${doing}: CNI version ${asked} is not supported (supported: ${supportedVersions.join(", ")})`,
  );
}

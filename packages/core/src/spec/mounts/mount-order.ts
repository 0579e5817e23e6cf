import type { Mount } from "@crib/oci-spec";

function depth({ destination }: Mount): number {
  return destination.split("/").length;
}

/** Mounts in an order in which none hides another one: shallow ones first, equally deep ones as they were. */
export function inMountingOrder(mounts: readonly Mount[]): readonly Mount[] {
  return mounts.toSorted((a, b) => depth(a) - depth(b));
}

/** The mounts whose place is not taken by one of `others`; one of those on /dev takes all places below. */
export function withoutReplaced(mounts: readonly Mount[], others: readonly Mount[]): readonly Mount[] {
  const taken = new Set(others.map(({ destination }) => destination));
  const isDevTaken = taken.has("/dev");
  return mounts.filter(
    ({ destination }) => !taken.has(destination) && !(isDevTaken && destination.startsWith("/dev/")),
  );
}

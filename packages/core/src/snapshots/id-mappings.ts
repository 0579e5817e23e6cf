import { Code, StatusError } from "@crib/errdefs";

import type { IdMappings, IdRange } from "./types.ts";

const maximumId = 0xffff_ffff;

/** Throws InvalidArgument unless a user namespace could have these mappings and its root user is one of the host's. */
export function checkIdMappings({ uids, gids }: IdMappings, doing: string): void {
  for (const ranges of [uids, gids]) {
    const isPossible = ranges.every(
      ({ containerId, hostId, length }) =>
        [containerId, hostId, length].every(Number.isInteger) &&
        Math.min(containerId, hostId) >= 0 &&
        length > 0 &&
        Math.max(containerId, hostId) + length - 1 < maximumId,
    );
    if (!isPossible || mapId(ranges, 0) === undefined) {
      throw new StatusError(Code.InvalidArgument, `${doing}: the id mappings are not valid or have no id 0`);
    }
  }
}

/** The host's id of an id inside; undefined when it is not mapped. */
export function mapId(ranges: readonly IdRange[], id: number): number | undefined {
  const range = ranges.find(({ containerId, length }) => id >= containerId && id < containerId + length);
  return range === undefined ? undefined : range.hostId + id - range.containerId;
}

/** The host's owner of what belongs to these ids in a layer; what is not mapped belongs to the root user inside. */
export function mapOwner(
  owner: { readonly uid: number; readonly gid: number },
  mappings: IdMappings | undefined,
): { readonly uid: number; readonly gid: number } {
  if (mappings === undefined) return owner;
  const map = (ranges: readonly IdRange[], id: number): number => mapId(ranges, id) ?? mapId(ranges, 0) ?? id;
  return { uid: map(mappings.uids, owner.uid), gid: map(mappings.gids, owner.gid) };
}

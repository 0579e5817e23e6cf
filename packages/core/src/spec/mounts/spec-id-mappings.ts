import type { LinuxIdMapping } from "@crib/oci-spec";

import type { IdMappings, IdRange } from "../../snapshots/types.ts";
import type { SpecIdMappings } from "../types.ts";

/** Mappings in the specification's spelling. */
export function specIdMappings({ uids, gids }: IdMappings): SpecIdMappings {
  const lines = (ranges: readonly IdRange[]): readonly LinuxIdMapping[] =>
    ranges.map(({ containerId, hostId, length }) => ({ containerID: containerId, hostID: hostId, size: length }));
  return { uids: lines(uids), gids: lines(gids) };
}

import type { Mount } from "@crib/oci-spec";

import type { IdMappings } from "../../snapshots/types.ts";

/**
 * A `/dev` of the container's own and the terminals in it, in mounting order. `gids` are the mappings of its user namespace;
 * undefined: it has none.
 */
export function devMounts(gids: IdMappings["gids"] | undefined): readonly Mount[] {
  // Group 5 is "tty"; a user namespace that does not map it cannot use it.
  const isMapped = gids?.some(({ containerId, length }) => containerId <= 5 && 5 < containerId + length) ?? true;
  return [
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", ...(isMapped ? ["gid=5"] : [])],
    },
  ];
}

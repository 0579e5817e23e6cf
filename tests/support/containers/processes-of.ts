import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Node } from "../node.ts";

const hierarchies = "/sys/fs/cgroup";

/** Pids of all processes in a container's cgroup, in any hierarchy; none when there is no such cgroup. */
export function processesOf(
  { lane }: Pick<Node, "lane">,
  { id, pod }: { readonly id: string; readonly pod: { readonly id: string } },
): readonly number[] {
  const path = join(lane.cgroup, `crib-${pod.id}`, `crib-${id}`, "cgroup.procs");
  const texts = ["", ...readdirSync(hierarchies)].map((hierarchy) => read(join(hierarchies, hierarchy, path)));
  return [...new Set(texts.join("\n").split("\n").filter(Boolean).map(Number))].sort((one, other) => one - other);
}

/** A cgroup that goes while it is read has no processes. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Node } from "../node.ts";
import type { Container } from "./container.ts";

const hierarchies = "/sys/fs/cgroup";

/** Whether the host has cgroup v2 alone. */
export const isUnified = existsSync(join(hierarchies, "cgroup.controllers"));

/** Where one limit stands: the controller and its file in version 1, and the file in version 2. */
export interface CgroupLimit {
  readonly controller: string;
  readonly v1: string;
  readonly v2: string;
}

/** What the host reads of a container's limit. Throws where there is no such file. */
export function readCgroupLimit(
  { lane }: Pick<Node, "lane">,
  { id, pod }: Pick<Container, "id" | "pod">,
  { controller, v1, v2 }: CgroupLimit,
): string {
  const path = join(lane.cgroup, `crib-${pod.id}`, `crib-${id}`);
  return readFileSync(join(hierarchies, ...(isUnified ? [path, v2] : [controller, path, v1])), "utf8").trim();
}

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const known = new Map<1 | 2, boolean>();

/** Whether the kernel limits swap by cgroup. Looked up once; it is decided when the machine boots. */
export function hasSwapAccounting(cgroupVersion: 1 | 2): boolean {
  const before = known.get(cgroupVersion);
  if (before !== undefined) return before;
  const found = cgroupVersion === 1 ? limitsSwapV1("/sys/fs/cgroup") : limitsSwapV2("/sys/fs/cgroup", "/proc/swaps");
  known.set(cgroupVersion, found);
  return found;
}

/** With cgroup v1 (kernel documentation, admin-guide/cgroup-v1/memory.rst, "Memory+Swap limit"). */
export function limitsSwapV1(root: string): boolean {
  return existsSync(join(root, "memory/memory.memsw.limit_in_bytes"));
}

/**
 * With cgroup v2: as some cgroup that has limits of memory shows, which the root has not; before there is one, whether the
 * kernel knows swap at all.
 */
export function limitsSwapV2(root: string, swaps: string): boolean {
  const example = readdirSync(root, { withFileTypes: true }).find(
    (entry) => entry.isDirectory() && existsSync(join(root, entry.name, "memory.max")),
  );
  return existsSync(example === undefined ? swaps : join(root, example.name, "memory.swap.max"));
}

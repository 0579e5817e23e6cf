import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const known = new Map<1 | 2, boolean>();

/** Whether the kernel limits swap by cgroup. Looked up once; it is decided when the machine boots. */
export function hasSwapAccounting(cgroupVersion: 1 | 2): boolean {
  const before = known.get(cgroupVersion);
  if (before !== undefined) return before;
  const found =
    cgroupVersion === 1
      ? existsSync("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
      : existsSync(join("/sys/fs/cgroup", ownCgroup(), "memory.swap.max"));
  known.set(cgroupVersion, found);
  return found;
}

/** The root of the hierarchy has no limits, so the file is looked for where this process is, else in systemd's own cgroup. */
function ownCgroup(): string {
  const own = /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
  return own === "/" ? "/init.scope" : own;
}

import { readFileSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";

import { attempt } from "../libc/errno-error.ts";
import { type Mount, parseMountinfo } from "../mounts/mount-table.ts";

/** One mounted tree of cgroups. */
export interface CgroupHierarchy {
  /** Controllers it has, such as `cpu`; of version 1 also a name, such as `name=systemd`. */
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  /** Whether it is the version 2 tree. */
  readonly unified: boolean;
}

/** The cgroup trees of this machine. */
export interface CgroupLayout {
  /** 2: the unified tree alone; 1: only trees of version 1; hybrid: both. */
  readonly version: 1 | 2 | "hybrid";
  readonly hierarchies: readonly CgroupHierarchy[];
}

/** Reads the layout from the texts of mountinfo and /proc/self/cgroup; `unifiedControllers` reads a mounted tree's own list. */
export function parseCgroupLayout(
  mounts: readonly Mount[],
  ownCgroups: string,
  unifiedControllers: (mountPoint: string) => readonly string[],
): CgroupLayout {
  const attached = ownCgroups.split("\n").map((line) => (line.split(":")[1] ?? "").split(","));
  const hierarchies: CgroupHierarchy[] = [];
  const devices = new Set<string>();
  for (const { type, device, mountPoint, superOptions } of mounts) {
    // A tree mounted a second time is still one tree.
    if (!type.startsWith("cgroup") || devices.has(device)) continue;
    devices.add(device);
    if (type === "cgroup2") {
      hierarchies.push({ controllers: unifiedControllers(mountPoint), mountPoint, unified: true });
      continue;
    }
    const controllers = attached.find((names) => names[0] !== "" && names.every((name) => superOptions.includes(name)));
    if (controllers !== undefined) hierarchies.push({ controllers, mountPoint, unified: false });
  }
  const unified = hierarchies.some((hierarchy) => hierarchy.unified);
  const split = hierarchies.some((hierarchy) => !hierarchy.unified);
  if (!unified && !split) throw new StatusError(Code.FailedPrecondition, "reading the cgroup layout: none is mounted");
  return { version: unified && split ? "hybrid" : unified ? 2 : 1, hierarchies };
}

let known: CgroupLayout | undefined;

/** The cgroup trees of this machine, read once. FailedPrecondition when none is mounted. */
export function cgroupLayout(): CgroupLayout {
  known ??= attempt("reading the cgroup layout", () =>
    parseCgroupLayout(
      parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8")),
      readFileSync("/proc/self/cgroup", "utf8"),
      (mountPoint) => readFileSync(`${mountPoint}/cgroup.controllers`, "latin1").split(/\s+/).filter(Boolean),
    ),
  );
  return known;
}

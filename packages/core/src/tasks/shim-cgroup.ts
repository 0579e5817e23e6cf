import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { type CgroupHierarchy, cgroupLayout, createCgroup } from "@crib/linux";

import type { TaskLog } from "./types.ts";

/**
 * The cgroup that shims are born in, so that neither a limit of the daemon's service nor its end touches them. It is
 * joined only in those hierarchies in which the daemon itself is below the root: in the others there is nothing to get
 * away from, and each join costs a grace period of the kernel (1 to 2 ms, one at a time for the whole host; measured).
 */
export class ShimCgroup {
  readonly #path: string;
  readonly #log: TaskLog;
  #files: Promise<readonly string[]> | undefined;
  #isRefusalKnown = false;

  /** `path` is absolute from the root of each hierarchy; empty: none is joined. */
  constructor(path: string, log: TaskLog) {
    this.#path = path;
    this.#log = log;
  }

  /** The `cgroup.procs` files that a shim has to write itself into. The cgroup is made at the first call. */
  async files(): Promise<readonly string[]> {
    this.#files ??= this.#path === "" ? Promise.resolve([]) : this.#prepare();
    return await this.#files;
  }

  /**
   * Takes the file that a launcher could not write. Said once, since it is the host's nature; the next start makes the
   * cgroup again.
   */
  refused(file: string): void {
    this.#files = undefined;
    this.#sayOnce({ file });
  }

  async #prepare(): Promise<readonly string[]> {
    const hierarchies = hierarchiesToLeave(await readFile("/proc/self/cgroup", "utf8"), cgroupLayout().hierarchies);
    if (hierarchies.length === 0) return [];
    try {
      await createCgroup(this.#path);
    } catch (error) {
      this.#sayOnce({ cgroup: this.#path, error: (error as Error).message });
      return [];
    }
    return hierarchies.map(({ mountPoint }) => join(mountPoint, this.#path, "cgroup.procs"));
  }

  #sayOnce(fields: Readonly<Record<string, unknown>>): void {
    if (this.#isRefusalKnown) return;
    this.#isRefusalKnown = true;
    this.#log("warn", "shims stay in the daemon's cgroup", fields);
  }
}

/** The hierarchies in which a process is not in the root cgroup, by the text of its /proc/PID/cgroup (cgroups(7)). */
export function hierarchiesToLeave(
  ownCgroups: string,
  hierarchies: readonly CgroupHierarchy[],
): readonly CgroupHierarchy[] {
  const below = new Set<string>();
  for (const line of ownCgroups.trim().split("\n")) {
    const [, controllers = "", path = "/"] = /^[0-9]+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path !== "/") below.add(controllers.split(",").sort().join(","));
  }
  const nameOf = ({ controllers, unified }: CgroupHierarchy): string =>
    unified ? "" : controllers.toSorted().join(",");
  return hierarchies.filter((hierarchy) => below.has(nameOf(hierarchy)));
}

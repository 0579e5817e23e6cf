import { Code, StatusError } from "@crib/errdefs";

import type { RuntimeHandler } from "./types.ts";

/** Where runc has systemd put what names no slice. */
const defaultSlice = "system.slice";

/**
 * The parent of a pod's cgroup: as asked. With systemd cgroups it is a slice, `system.slice` where none is asked for, and
 * anything else is InvalidArgument: systemd would refuse it for each container.
 */
export function podCgroupParent(asked: string, handler: Pick<RuntimeHandler, "name" | "options">): string {
  if (handler.options["SystemdCgroup"] !== true) return asked;
  if (asked === "") return defaultSlice;
  if (asked.endsWith(".slice")) return asked;
  throw new StatusError(
    Code.InvalidArgument,
    `cgroup_parent "${asked}": runtime handler "${handler.name}" has systemd cgroups, whose parents are slices ("NAME.slice")`,
  );
}

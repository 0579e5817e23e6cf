import { basename } from "node:path";

import { markerVariables, ownerOf } from "@crib/core/sandbox";
import { findProcessesByEnv, type FoundProcess } from "@crib/linux";

/** A process that the daemon, or something started by it, started for a row. */
export interface MarkedProcess extends FoundProcess {
  /** The row's id. */
  readonly row: string;
  /** The shim's server, as opposed to `shim start` and `shim delete`. */
  readonly isShim: boolean;
}

/** Processes that carry the marker of a row of this instance. */
export async function findMarkedProcesses(instance: string): Promise<readonly MarkedProcess[]> {
  const found = await findProcessesByEnv(markerVariables.row);
  return found.flatMap((each) => {
    const row = each.env[markerVariables.row] ?? "";
    return ownerOf(row) === instance ? [{ ...each, row, isShim: isServingShim(each.cmdline) }] : [];
  });
}

function isServingShim(cmdline: readonly string[]): boolean {
  const last = cmdline.at(-1);
  return basename(cmdline[0] ?? "").startsWith("containerd-shim") && last !== "start" && last !== "delete";
}

import { markerVariables, ownerOf } from "@crib/core/sandbox";
import { servingShims } from "@crib/core/tasks";
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
  const found = (await findProcessesByEnv(markerVariables.row)).flatMap((each) => {
    const row = each.env[markerVariables.row] ?? "";
    return ownerOf(row) === instance ? [{ ...each, row }] : [];
  });
  const serving = await servingShims(found);
  return found.map((each) => ({ ...each, isShim: serving.has(each.pid) }));
}

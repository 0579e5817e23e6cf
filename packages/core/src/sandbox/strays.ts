import { findProcessesByEnv, signalProcess, waitProcessGone } from "@crib/linux";

import { servingShims } from "../tasks/serving-shims.ts";
import { ownerOf } from "./sandbox-id.ts";

/** Names of the environment variables by which every process started for a row is found again. */
export const markerVariables = { instance: "CRIB_INSTANCE", row: "CRIB_ROW" } as const;

/** The marker that a process started for this row carries; its children inherit it. */
export function markerEnv(instance: string, rowId: string): Readonly<Record<string, string>> {
  return { [markerVariables.instance]: instance, [markerVariables.row]: rowId };
}

/**
 * Milliseconds that helpers have to end by themselves. A plugin killed at the wrong instant leaves what no DEL can free
 * (host-local makes the file of an address before it writes the owner into it; measured with 1.1.1).
 */
const graceMs = 2_000;

/** Milliseconds for a killed process to go. */
const goneMs = 10_000;

/** Finds and ends the processes that a daemon of this instance, dead or not, started for its rows. */
export interface Strays {
  /** Row ids that have processes, from one scan of /proc. */
  rows(): Promise<ReadonlySet<string>>;
  /**
   * Ends helpers of these rows (CNI plugins and their children, `shim start`, `shim delete`, runc) and waits until
   * they are gone; they have a moment to end by themselves, then they are killed. Shims that serve are left alone
   * unless `shimsToo`.
   */
  end(ids: ReadonlySet<string>, options: { readonly shimsToo: boolean }): Promise<void>;
}

type Stray = Awaited<ReturnType<typeof findProcessesByEnv>>[number] & {
  readonly row: string;
  readonly serves: boolean;
};

export function createStrays(instance: string): Strays {
  const scan = async (): Promise<readonly Stray[]> => {
    const found = (await findProcessesByEnv(markerVariables.row)).flatMap((entry) => {
      const row = entry.env[markerVariables.row] ?? "";
      // The daemon itself carries no marker; were it started from a marked shell, it must not end itself.
      return ownerOf(row) === instance && entry.pid !== process.pid ? [{ ...entry, row }] : [];
    });
    const serving = await servingShims(found);
    return found.map((entry) => ({ ...entry, serves: serving.has(entry.pid) }));
  };
  return {
    async rows(): Promise<ReadonlySet<string>> {
      return new Set((await scan()).map(({ row }) => row));
    },
    async end(ids, { shimsToo }): Promise<void> {
      const helpers = (await scan()).filter((entry) => ids.has(entry.row) && !entry.serves);
      // Those that do not end are killed below; the wait itself has nothing to report.
      await Promise.allSettled(helpers.map((helper) => waitProcessGone(helper, { timeoutMs: graceMs })));
      // A process may fork between the scan and its death, so the scan is repeated until it finds nothing.
      for (let round = 0; round < 10; round++) {
        const targets = (await scan()).filter((entry) => ids.has(entry.row) && (shimsToo || !entry.serves));
        if (targets.length === 0) return;
        // Each was found by this instance's own marker and is signalled through a pidfd checked against its start time.
        for (const target of targets) signalProcess(target, "SIGKILL");
        await Promise.all(targets.map((target) => waitProcessGone(target, { timeoutMs: goneMs })));
      }
    },
  };
}

import { findProcessesByEnv, signalProcess, waitProcessGone } from "@crib/linux";

import { markerVariables } from "../../sandbox/strays.ts";

/** Milliseconds for a killed process to go. */
const goneMs = 10_000;

/**
 * Ends what the shims of this instance have started for one container and that has not ended: a runtime that hangs, or is still at work
 * on a call that nobody waits for. Such a process has the marker of its shim and the container's id among its arguments; containers
 * have no marker.
 */
export function createTaskStrays(instance: string): (id: string) => Promise<void> {
  return async (id) => {
    // A process may fork between the scan and its death, so the scan is repeated until it finds nothing.
    for (let round = 0; round < 10; round++) {
      const found = await findProcessesByEnv(markerVariables.instance, instance);
      const targets = found.filter(({ pid, cmdline }) => pid !== process.pid && cmdline.includes(id));
      if (targets.length === 0) return;
      for (const target of targets) signalProcess(target, "SIGKILL");
      await Promise.all(targets.map((target) => waitProcessGone(target, { timeoutMs: goneMs })));
    }
  };
}

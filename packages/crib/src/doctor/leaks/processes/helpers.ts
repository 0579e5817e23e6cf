import { readProcess } from "@crib/linux";

import type { Finding, LeakContext, LeakCounter } from "../types.ts";
import type { MarkedProcess } from "./marked-processes.ts";

/** Helper processes (CNI plugins and their children, `shim start`, runc) that nobody waits for any more, by their marker. */
export const helpers: LeakCounter = {
  name: "helpers",
  async find(context): Promise<readonly Finding[]> {
    const marked = await context.marked();
    const shims = new Set(marked.filter((each) => each.isShim).map(({ pid }) => pid));
    const daemon = await context.daemon();
    return marked.flatMap((helper) => {
      if (helper.isShim || isSupervised(helper, shims, daemon)) return [];
      const why = unheldBy(context, helper);
      if (why === undefined) return [];
      const what = helper.cmdline.join(" ") || helper.comm;
      return [{ counter: "helpers", what, pid: helper.pid, why, rowId: helper.row }];
    });
  },
};

/** A flow that was left half-way owns its helpers: the next daemon ends them before it goes on. */
function unheldBy({ row, container }: LeakContext, { row: id }: MarkedProcess): string | undefined {
  const state = row(id)?.state ?? container(id)?.state;
  if (state === undefined) return "no row has this id";
  if (["ready", "notready", "created", "running", "exited"].includes(state))
    return "its flow has ended and the daemon is not its parent";
  return undefined;
}

/** Whether the daemon or a shim is waiting for it: one of them is an ancestor. What a leaked shim runs goes with that shim. */
function isSupervised(helper: MarkedProcess, shims: ReadonlySet<number>, daemon: number | undefined): boolean {
  let pid = helper.ppid;
  while (pid > 1) {
    if (pid === daemon || shims.has(pid)) return true;
    pid = readProcess(pid)?.ppid ?? 0;
  }
  return false;
}

import type { AdminDeps } from "../rpc.ts";

/** A daemon whose configuration never changes. */
export const nothingToReload: AdminDeps["reloader"] = {
  reload: async () => ({ changed: [], kept: [], needsRestart: [], broken: [] }),
};

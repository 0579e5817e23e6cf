import type { PluginExec } from "@crib/libcni";

import { isSandboxId } from "./sandbox-id.ts";
import { markerEnv } from "./strays.ts";

/**
 * Marks every plugin that runs for a sandbox with that sandbox's row, so that a later daemon finds it and its children
 * when this one died meanwhile.
 */
export function markPlugins(exec: PluginExec, instance: string): PluginExec {
  return {
    find: (type, dirs) => exec.find(type, dirs),
    run(run, signal) {
      const id = run.env["CNI_CONTAINERID"] ?? "";
      return exec.run(isSandboxId(id) ? { ...run, env: { ...run.env, ...markerEnv(instance, id) } } : run, signal);
    },
  };
}

import { type LinuxResources, Plugin as PluginService, type PodSandbox } from "@crib/wire/nri";

import type { RoundContext } from "./round-context.ts";

/** Asks all plugins whether a pod's resources may change. The first refusal is thrown. */
export async function updatePodSandboxRound(
  context: RoundContext,
  pod: PodSandbox,
  change: { readonly overhead?: LinuxResources; readonly resources?: LinuxResources },
  signal: AbortSignal,
): Promise<void> {
  const { overhead, resources } = change;
  const request = {
    pod,
    ...(overhead && { overheadLinuxResources: overhead }),
    ...(resources && { linuxResources: resources }),
  };
  for (const plugin of context.plugins.for("UpdatePodSandbox")) {
    await plugin.call(PluginService.method.updatePodSandbox, request, {
      operation: "UpdatePodSandbox",
      timeoutMs: context.options.requestTimeoutMs,
      signal,
    });
  }
}

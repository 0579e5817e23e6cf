import { type LinuxResources, Plugin as PluginService } from "@crib/wire/nri";

import { checkReply } from "../adjust/check-reply.ts";
import { overlayResources } from "../adjust/merge-resources.ts";
import { UpdateMerge } from "../adjust/merge-updates.ts";
import type { ContainerSubject, UpdateResult } from "../types.ts";
import type { RoundContext } from "./round-context.ts";

const operation = "UpdateContainer";

/** Asks plugins one after another what a container's limits shall be, each seeing what those before it made of the request. */
export async function updateContainerRound(
  context: RoundContext,
  { pod, container }: ContainerSubject,
  requested: LinuxResources,
  signal: AbortSignal,
): Promise<UpdateResult> {
  const updates = new UpdateMerge();
  const resources = (): LinuxResources => {
    const wanted = updates.resourcesOf(container.id);
    return wanted === undefined ? requested : overlayResources(requested, wanted);
  };
  for (const plugin of context.plugins.for(operation)) {
    const outcome = await plugin.call(
      PluginService.method.updateContainer,
      { pod, container, linuxResources: resources() },
      { operation, timeoutMs: context.options.requestTimeoutMs, signal },
    );
    if (outcome.kind === "lost") continue;
    const { update, evict } = outcome.message;
    checkReply(plugin.fullName, { update });
    updates.apply(plugin.fullName, update);
    context.evict(plugin.fullName, evict);
  }
  const isTouched = updates.resourcesOf(container.id) !== undefined;
  return { ...(isTouched && { resources: resources() }), updates: updates.result(container.id) };
}

import { type ContainerUpdate, Plugin as PluginService } from "@crib/wire/nri";

import { checkReply } from "../adjust/check-reply.ts";
import { UpdateMerge } from "../adjust/merge-updates.ts";
import type { Subject } from "../types.ts";
import { logRefusal, type RoundContext } from "./round-context.ts";

const operation = "StopContainer";

/** Tells all plugins that a container has ended, and gathers what they want changed of others because of it. */
export async function stopContainerRound(
  context: RoundContext,
  subject: Subject,
  signal: AbortSignal,
): Promise<readonly ContainerUpdate[]> {
  const updates = new UpdateMerge();
  for (const plugin of context.plugins.for(operation)) {
    const call = { operation, timeoutMs: context.options.requestTimeoutMs, signal };
    try {
      const outcome = await plugin.call(PluginService.method.stopContainer, subject, call);
      if (outcome.kind === "lost") continue;
      checkReply(plugin.fullName, outcome.message);
      updates.apply(plugin.fullName, outcome.message.update);
    } catch (error) {
      if (signal.aborted) throw error;
      logRefusal(context, plugin.fullName, operation, error);
    }
  }
  return updates.result(subject.container?.id);
}

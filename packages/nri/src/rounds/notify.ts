import { tell } from "../plugin/tell.ts";
import type { NotifyEvent, Subject } from "../types.ts";
import { logRefusal, type RoundContext } from "./round-context.ts";

const refusable: ReadonlySet<NotifyEvent> = new Set(["RunPodSandbox", "UpdatePodSandbox", "StartContainer"]);

/** Tells all plugins, one after another. Where an event can be refused the first refusal is thrown and later plugins are not told. */
export async function notifyRound(
  context: RoundContext,
  event: NotifyEvent,
  subject: Subject,
  signal: AbortSignal,
): Promise<void> {
  for (const plugin of context.plugins.for(event)) {
    try {
      await tell(plugin, event, subject, {
        operation: event,
        timeoutMs: context.options.requestTimeoutMs,
        signal,
      });
    } catch (error) {
      if (refusable.has(event) || signal.aborted) throw error;
      logRefusal(context, plugin.fullName, event, error);
    }
  }
}

import { create, type DescMessage, type DescMethodUnary, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, hasCode } from "@crib/errdefs";
import { Plugin as PluginService, StateChangeEventSchema } from "@crib/wire/nri";

import type { NotifyEvent, Subject } from "../types.ts";
import { eventNumber } from "./events.ts";
import type { Plugin, PluginCall } from "./plugin.ts";

const methods = {
  RunPodSandbox: PluginService.method.runPodSandbox,
  UpdatePodSandbox: PluginService.method.updatePodSandbox,
  PostUpdatePodSandbox: PluginService.method.postUpdatePodSandbox,
  StopPodSandbox: PluginService.method.stopPodSandbox,
  RemovePodSandbox: PluginService.method.removePodSandbox,
  PostCreateContainer: PluginService.method.postCreateContainer,
  StartContainer: PluginService.method.startContainer,
  PostStartContainer: PluginService.method.postStartContainer,
  PostUpdateContainer: PluginService.method.postUpdateContainer,
  RemoveContainer: PluginService.method.removeContainer,
} as const satisfies Record<NotifyEvent, unknown>;

/** Events that plugins from before NRI 0.12 know as changes of state. UpdatePodSandbox had a call of its own already. */
const stateChanges: ReadonlySet<NotifyEvent> = new Set([
  "RunPodSandbox",
  "StopPodSandbox",
  "RemovePodSandbox",
  "PostUpdatePodSandbox",
  "PostCreateContainer",
  "StartContainer",
  "PostStartContainer",
  "PostUpdateContainer",
  "RemoveContainer",
]);

/** Tells one plugin of an event, in the way it understands, which is remembered. A plugin that is lost over it has agreed; a refusal is thrown. */
export async function tell(plugin: Plugin, event: NotifyEvent, subject: Subject, call: PluginCall): Promise<void> {
  if (!plugin.usesStateChange) {
    try {
      // What all requests of events have in common is the subject.
      const method = methods[event] as DescMethodUnary;
      await plugin.call(method, subject as MessageInitShape<DescMessage>, call);
      return;
    } catch (error) {
      const isOld = error instanceof Error && hasCode(error.cause, Code.Unimplemented) && stateChanges.has(event);
      if (!isOld) throw error;
      plugin.usesStateChange = true;
    }
  }
  if (!stateChanges.has(event)) return;
  const change = create(StateChangeEventSchema, { event: eventNumber(event), ...subject });
  await plugin.call(PluginService.method.stateChange, change, call);
}

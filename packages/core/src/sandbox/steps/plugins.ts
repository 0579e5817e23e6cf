import { Code, StatusError } from "@crib/errdefs";

import type { SandboxFacts, SandboxRecord } from "../types.ts";
import type { SandboxStepContext } from "./types.ts";

type PluginEvent = SandboxFacts["pluginEvents"][number];

/** Tells plugins of the pod before it is ready; they may refuse it. */
export async function tellRun(context: SandboxStepContext): Promise<Partial<SandboxFacts>> {
  const { id, deps, facts, signal, midpoint } = context;
  // Held until the pod is ready or undone, so that a plugin that comes meanwhile does not miss it.
  deps.pluginGates.set(id, await deps.hooks.enter(signal));
  await midpoint();
  await deps.hooks.runPodSandbox(recordOf(context), signal);
  return { pluginEvents: withEvent(facts, "run") };
}

/** Tells plugins that what they may have seen will not be. */
export async function takeBackRun(context: SandboxStepContext): Promise<void> {
  const { deps, signal, midpoint } = context;
  await deps.hooks.stopPodSandbox(recordOf(context), signal);
  await midpoint();
  await deps.hooks.removePodSandbox(recordOf(context), signal);
}

/** Tells plugins that containers and boundary have ended, once. */
export async function tellStop(context: SandboxStepContext): Promise<Partial<SandboxFacts>> {
  const { deps, facts, signal, midpoint } = context;
  await midpoint();
  if (!facts.pluginEvents?.includes("stop")) await deps.hooks.stopPodSandbox(recordOf(context), signal);
  return { pluginEvents: withEvent(facts, "stop") };
}

/** Tells plugins that nothing of the pod is left, once. */
export async function tellRemove(context: SandboxStepContext): Promise<Partial<SandboxFacts>> {
  const { deps, facts, signal, midpoint } = context;
  await midpoint();
  if (!facts.pluginEvents?.includes("remove")) await deps.hooks.removePodSandbox(recordOf(context), signal);
  return { pluginEvents: withEvent(facts, "remove") };
}

function withEvent({ pluginEvents = [] }: Readonly<Partial<SandboxFacts>>, event: PluginEvent): readonly PluginEvent[] {
  return pluginEvents.includes(event) ? pluginEvents : [...pluginEvents, event];
}

/** The record with what the flow's steps have learned. */
function recordOf({ id, facts, deps }: SandboxStepContext): SandboxRecord {
  const record = deps.findSandbox(id);
  if (!record) throw new StatusError(Code.Internal, `sandbox "${id}": it has no record`);
  return { ...record, facts: { ...record.facts, ...facts } };
}

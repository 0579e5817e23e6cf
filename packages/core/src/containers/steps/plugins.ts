import { Code, StatusError } from "@crib/errdefs";

import type { ContainerFacts, ContainerRecord } from "../types.ts";
import { sandboxOf } from "./snapshot.ts";
import { sessionOf } from "./spec.ts";
import type { ContainerStepContext } from "./types.ts";

type PluginEvent = ContainerFacts["pluginEvents"][number];

/** Lets plugins adjust the specification, or refuse. What they hold up until the commit is in the session. */
export async function tellCreate(context: ContainerStepContext): Promise<Partial<ContainerFacts>> {
  const { deps, signal, midpoint } = context;
  const session = sessionOf(context);
  if (!session.spec) throw new StatusError(Code.Internal, `container "${context.id}": it has no specification`);
  session.leave = await deps.hooks.enter(signal);
  await midpoint();
  const sandbox = sandboxOf(context);
  const { spec, updates } = await deps.hooks.createContainer(sandbox, recordOf(context), session.spec, signal);
  session.spec = spec;
  session.updates = updates;
  return { pluginEvents: withEvent(context.facts, "create") };
}

/** Tells plugins that what they may have seen will not be. */
export async function takeBackCreate(context: ContainerStepContext): Promise<void> {
  const { plan, deps, signal, midpoint } = context;
  const record = recordOf(context);
  const sandbox = deps.findSandbox(plan.sandboxId);
  await deps.hooks.stopContainer(sandbox, record, signal);
  await midpoint();
  await deps.hooks.removeContainer(sandbox, record, signal);
}

/** Tells plugins that the task is there and will run; they may refuse. */
export async function tellStart(context: ContainerStepContext): Promise<Partial<ContainerFacts>> {
  const { deps, signal, midpoint } = context;
  const leave = await deps.hooks.enter(signal);
  try {
    await midpoint();
    await deps.hooks.startContainer(sandboxOf(context), recordOf(context), signal);
  } finally {
    leave();
  }
  return { pluginEvents: withEvent(context.facts, "start") };
}

/** The events that plugins were told, with one more. */
export function withEvent(facts: Readonly<Partial<ContainerFacts>>, event: PluginEvent): readonly PluginEvent[] {
  const told = facts.pluginEvents ?? [];
  return told.includes(event) ? told : [...told, event];
}

/** The record with what the flow's steps have learned. */
function recordOf({ id, facts, deps }: ContainerStepContext): ContainerRecord {
  const record = deps.findContainer(id);
  if (!record) throw new StatusError(Code.Internal, `container "${id}": it has no record`);
  return { ...record, facts: { ...record.facts, ...facts } };
}

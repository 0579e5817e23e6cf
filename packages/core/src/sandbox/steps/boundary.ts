import type { Sandbox, SandboxController, SandboxInstance } from "@crib/sandboxer";

import type { SandboxFacts, SandboxPlan } from "../types.ts";
import type { SandboxStepContext } from "./types.ts";

/** Has the controller prepare the boundary. */
export async function create(context: SandboxStepContext): Promise<void> {
  const { id, plan, signal, midpoint } = context;
  await controllerOf(context).create(describeSandbox(id, plan), signal);
  await midpoint();
}

/** Has the controller start it, and learns process and namespaces. */
export async function start(context: SandboxStepContext): Promise<Partial<SandboxFacts>> {
  const instance = await controllerOf(context).start(context.id, context.signal);
  await context.midpoint();
  return { instance: { ...instance, createdAt: instance.createdAt.toISOString() } };
}

/** Has the controller end it. A boundary that has ended, or never began, is success. */
export async function stop(context: SandboxStepContext): Promise<void> {
  await controllerOf(context).stop(context.id, { graceMs: context.deps.stopGraceMs }, context.signal);
  await context.midpoint();
}

/** Has the controller free everything. Unknown is success. */
export async function shutdown(context: SandboxStepContext): Promise<void> {
  await controllerOf(context).shutdown(context.id, context.signal);
  await context.midpoint();
}

function controllerOf({ plan, deps }: SandboxStepContext): SandboxController {
  return deps.controllers.get(plan.handler.controller) ?? deps.gone;
}

/** The pod as controllers are told of it. */
export function describeSandbox(id: string, plan: SandboxPlan): Sandbox {
  return {
    id,
    pod: plan.pod,
    runtimeHandler: plan.handler.name,
    hostname: plan.hostname,
    labels: plan.labels,
    annotations: plan.passedAnnotations,
    namespaces: plan.namespaces,
    pidMode: plan.pidMode,
    hostNetwork: plan.hostNetwork,
    hostIpc: plan.hostIpc,
    privileged: plan.privileged,
    uidMappings: plan.userNamespace?.uids ?? [],
    gidMappings: plan.userNamespace?.gids ?? [],
    security: plan.security,
    sysctls: plan.sysctls,
    cgroupPath: plan.cgroupPath,
    resources: plan.resources,
    overhead: plan.overhead,
    rootDir: plan.rootDir,
    stateDir: plan.stateDir,
    shmPath: plan.shmPath,
    config: Buffer.from(plan.config, "base64"),
  };
}

/** The instance of a stored fact. */
export function restoreInstance(fact: SandboxFacts["instance"]): SandboxInstance {
  return { ...fact, createdAt: new Date(fact.createdAt) };
}

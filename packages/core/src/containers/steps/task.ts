import { join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import type { StdioRequest } from "../../io/types.ts";
import type { SandboxRecord } from "../../sandbox/types.ts";
import { isRuncRuntime, packRuntimeOptions, taskProcess, type TaskService } from "../../tasks/index.ts";
import type { RuntimeOptionValues } from "../../tasks/types.ts";
import type { ContainerFacts, ContainerPlan } from "../types.ts";
import { whyUnreachable } from "../why-unreachable.ts";
import { deleteEarlierTask } from "./delete-earlier-task.ts";
import { sandboxOf } from "./snapshot.ts";
import { targetOf } from "./spec.ts";
import type { ContainerStepContext, WaitingTask } from "./types.ts";

/** Makes the FIFOs and begins to copy output to the log. */
export async function openIo({ id, plan, deps, signal, midpoint }: ContainerStepContext): Promise<void> {
  // A task that waits has its streams.
  if (!deps.waiting.has(id)) await deps.stdio.open(stdioRequest(id, plan), signal);
  await midpoint();
}

/** The same while the container is created, where its task is made right after. */
export async function openIoEarly({ id, plan, facts, deps, signal, midpoint }: ContainerStepContext): Promise<void> {
  if (facts.ahead === true) {
    await deps.stdio.open(stdioRequest(id, plan), signal).catch(() => {
      // A log that cannot be written is for the start to tell, which tries again.
      signal.throwIfAborted();
    });
  }
  await midpoint();
}

/** The same for a task that is made ahead, unless that was done early. */
export async function openIoAhead({ id, plan, deps, signal, midpoint }: ContainerStepContext): Promise<void> {
  if (!deps.stdio.find(id)) await deps.stdio.open(stdioRequest(id, plan), signal);
  await midpoint();
}

/** Finds the pod's task service, so that it is there when the streams are. */
export async function findService({ plan, deps, signal, midpoint }: ContainerStepContext): Promise<void> {
  await deps.services.of(plan.sandboxId, signal);
  await midpoint();
}

/** Has the runtime create the container, unless that was done ahead: its process is there and does not run the program yet. */
export async function makeTask(context: ContainerStepContext): Promise<Partial<ContainerFacts>> {
  const { id, deps, midpoint } = context;
  const waiting = deps.waiting.get(id);
  if (!waiting) return (await callCreate(context)).task;
  sandboxOf(context);
  deps.waiting.delete(id);
  await midpoint();
  return waiting;
}

/** The same ahead of the start. Should the process end while it waits, that is told at once. */
export async function makeTaskAhead(context: ContainerStepContext): Promise<void> {
  const { id, plan, deps } = context;
  const { task, service } = await callCreate(context);
  // Left alone meanwhile, it waits for its pod's controller, and is watched when that is back.
  if (whyUnreachable(plan, deps) === undefined) deps.exits.arm(id, service);
  deps.waiting.set(id, task);
}

async function callCreate(context: ContainerStepContext): Promise<{ task: WaitingTask; service: TaskService }> {
  const { id, plan, deps, facts, signal, midpoint } = context;
  const sandbox = sandboxOf(context);
  targetOf(context); // whose pid is in the specification may have ended since, and the pid be another's
  const { paths } = deps.stdio.find(id) ?? {};
  if (!paths) throw new StatusError(Code.Internal, `container "${id}": its streams are not open`);
  const service = await deps.services.of(plan.sandboxId, signal);
  const { handler } = sandbox.plan;
  const options = packRuntimeOptions(handler.runtimeType, runtimeOptions(sandbox, facts));
  const { stdin, stdout, stderr } = paths;
  const request = {
    id,
    bundle: plan.bundleDir,
    rootfs: [],
    terminal: plan.tty,
    stdin,
    stdout,
    stderr: plan.tty ? "" : stderr,
    ...(options && { options }),
  };
  const pid = await service.tasks.create(request, signal).catch(async (reason: unknown) => {
    if (!hasCode(reason, Code.AlreadyExists)) throw reason;
    await deleteEarlierTask(context, service);
    return await service.tasks.create(request, signal);
  });
  await midpoint();
  const process = (deps.taskProcess ?? taskProcess)(service, pid, id);
  return { task: process ? { process } : {}, service };
}

/** Waits for the end of the task from now on, then starts it. */
export async function startTask({
  id,
  plan,
  deps,
  signal,
  midpoint,
}: ContainerStepContext): Promise<Partial<ContainerFacts>> {
  const service: TaskService = await deps.services.of(plan.sandboxId, signal);
  // A watch over a connection that was closed meanwhile would take the container for lost.
  const why = whyUnreachable(plan, deps);
  if (why !== undefined) throw new StatusError(Code.FailedPrecondition, `starting container "${id}": ${why}`);
  deps.exits.arm(id, service);
  // Who has attached before the start misses nothing.
  await deps.stdio.find(id)?.heeded();
  // Taken before, so that no end can be earlier.
  const startedAt = new Date().toISOString();
  await deps.starts.take(service, () => service.tasks.start(id, "", signal));
  await midpoint();
  return { startedAt };
}

/** Where the FIFOs of a container are. */
export function ioDirOf({ bundleDir }: Pick<ContainerPlan, "bundleDir">): string {
  return join(bundleDir, "io");
}

/** What a container's streams are opened with, by this daemon or the next. */
export function stdioRequest(id: string, plan: ContainerPlan): StdioRequest {
  const { logPath, log, stdin, stdinOnce, tty } = plan;
  return {
    id,
    dir: ioDirOf(plan),
    stdin,
    stdinOnce,
    tty,
    ...(logPath === "" ? {} : { log: { path: logPath, ...log } }),
  };
}

/** In a user namespace the runtime's pipes belong to whom the process runs as, or it could not open them anew. */
function runtimeOptions({ plan }: SandboxRecord, { user }: Partial<ContainerFacts>): RuntimeOptionValues {
  const { handler, userNamespace } = plan;
  if (!userNamespace || !user || !isRuncRuntime(handler.runtimeType)) return handler.options;
  const IoUid = hostIdOf(userNamespace.uids, user.uid);
  const IoGid = hostIdOf(userNamespace.gids, user.gid);
  return {
    ...handler.options,
    ...(IoUid === undefined ? {} : { IoUid }),
    ...(IoGid === undefined ? {} : { IoGid }),
  };
}

function hostIdOf(
  mappings: readonly { readonly containerId: number; readonly hostId: number; readonly length: number }[],
  id: number,
): number | undefined {
  const line = mappings.find(({ containerId, length }) => id >= containerId && id - containerId < length);
  return line && line.hostId + id - line.containerId;
}

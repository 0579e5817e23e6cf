import type { Hooks, Process, RuntimeSpec, Scheduler } from "@crib/oci-spec";
import {
  type ContainerAdjustment,
  type Hook as NriHook,
  type Hooks as NriHooks,
  IOPrioClass,
  type LinuxContainerAdjustment,
  type LinuxScheduler,
  LinuxSchedulerFlag,
  LinuxSchedulerPolicy,
} from "@crib/wire/nri";

import { adjustList } from "./entries.ts";
import { nameOf } from "./name-of.ts";

/** The process with what plugins want of its environment, arguments, limits and scheduling. */
export function adjustProcess(process: Process, adjust: ContainerAdjustment): Process {
  const env = adjustList(
    process.env ?? [],
    (line) => line.split("=", 1)[0] ?? "",
    adjust.env,
    ({ key }) => key,
    ({ key, value }) => `${key}=${value}`,
  );
  const rlimits = adjustList(
    process.rlimits ?? [],
    ({ type }) => type,
    adjust.rlimits,
    ({ type }) => type,
    ({ type, soft, hard }) => ({ type, soft: Number(soft), hard: Number(hard) }),
  );
  return {
    ...process,
    ...((env.length > 0 || process.env) && { env }),
    ...(adjust.args.length > 0 && { args: [...adjust.args] }),
    ...(rlimits.length > 0 && { rlimits }),
    ...(adjust.linux && scheduling(adjust.linux)),
  };
}

function scheduling({ oomScoreAdj, ioPriority, scheduler }: LinuxContainerAdjustment): Partial<Process> {
  return {
    ...(oomScoreAdj && { oomScoreAdj: Number(oomScoreAdj.value) }),
    ...(ioPriority && {
      ioPriority: { class: nameOf(IOPrioClass, ioPriority.class), priority: ioPriority.priority },
    }),
    ...(scheduler && { scheduler: toScheduler(scheduler) }),
  };
}

function toScheduler(scheduler: LinuxScheduler): Scheduler {
  const { nice, priority, flags, runtime, deadline, period } = scheduler;
  return {
    policy: nameOf(LinuxSchedulerPolicy, scheduler.policy),
    ...(nice !== 0 && { nice }),
    ...(priority !== 0 && { priority }),
    ...(flags.length > 0 && { flags: flags.map((flag) => nameOf(LinuxSchedulerFlag, flag)) }),
    ...(runtime !== 0n && { runtime: Number(runtime) }),
    ...(deadline !== 0n && { deadline: Number(deadline) }),
    ...(period !== 0n && { period: Number(period) }),
  };
}

/** The hooks with those of plugins behind them. */
export function adjustHooks(hooks: RuntimeSpec["hooks"], more: NriHooks | undefined): RuntimeSpec["hooks"] {
  if (more === undefined) return hooks;
  const kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const;
  const lists = kinds.map((kind) => [kind, [...(hooks?.[kind] ?? []), ...more[kind].map(toHook)]] as const);
  return Object.fromEntries(lists.filter(([, list]) => list.length > 0)) as Hooks;
}

function toHook({ path, args, env, timeout }: NriHook): NonNullable<Hooks["prestart"]>[number] {
  return {
    path,
    ...(args.length > 0 && { args: [...args] }),
    ...(env.length > 0 && { env: [...env] }),
    // Runtimes refuse a limit of zero, which says that there is none.
    ...(timeout && timeout.value > 0n && { timeout: Number(timeout.value) }),
  };
}

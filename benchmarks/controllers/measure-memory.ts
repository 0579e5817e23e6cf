import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { createContainer, removePod, runPod } from "../containers/contestant.ts";
import { proportionalBytes, residentBytes } from "../support/process-usage.ts";
import type { Contender } from "./contender.ts";
import { findProcesses } from "./find-processes.ts";

/** Memory of the processes that a controller needs beside the daemon and the containers' own. */
export interface MemoryFigures {
  readonly controller: string;
  /** Processes that each pod has of its own. */
  readonly ownProcesses: number;
  /** Processes that all pods share. */
  readonly sharedProcesses: number;
  /** MiB for each pod, its part of the shared ones with it. */
  readonly residentMiB: number;
  readonly proportionalMiB: number;
}

interface MadePod {
  readonly id: string;
  readonly uid: string;
  readonly containerId: string;
}

/** Has `pods` pods with a running container each under one controller after the other, and reads memory `settleMs` after the last call. */
export async function measureMemory(
  contenders: readonly Contender[],
  options: { readonly pods: number; readonly settleMs: number },
): Promise<readonly MemoryFigures[]> {
  const figures: MemoryFigures[] = [];
  for (const contender of contenders) figures.push(await measureOne(contender, options));
  return figures;
}

async function measureOne(
  contender: Contender,
  { pods, settleMs }: { readonly pods: number; readonly settleMs: number },
): Promise<MemoryFigures> {
  await using held = new AsyncDisposableStack();
  const made: MadePod[] = [];
  for (let count = 0; count < pods; count++) {
    const pod = await runPod(contender);
    held.defer(() => removePod(contender, pod));
    const containerId = await createContainer(contender, pod, "first");
    await contender.server.client.runtime.startContainer({ containerId });
    made.push({ id: pod.id, uid: pod.config.metadata?.uid ?? "", containerId });
  }
  await sleep(settleMs);
  const own = ownProcesses(made);
  const shared = contender.shared();
  const perPod = (bytes: (pid: number) => number): number =>
    [...own, ...shared].reduce((sum, pid) => sum + bytes(pid), 0) / pods / 2 ** 20;
  return {
    controller: contender.controller,
    ownProcesses: own.length / pods,
    sharedProcesses: shared.length,
    residentMiB: perPod(residentBytes),
    proportionalMiB: perPod(proportionalBytes),
  };
}

/** Shims, which have the id of the pod or its container among their arguments, and what is in the pods' cgroups and not in a container's: pauses. */
function ownProcesses(pods: readonly MadePod[]): readonly number[] {
  const ids = new Set(pods.flatMap(({ id, containerId }) => [id, containerId]));
  return findProcesses((args, pid) => {
    if (args.some((arg) => ids.has(arg))) return true;
    const cgroups = readFileSync(`/proc/${pid}/cgroup`, "utf8");
    return pods.some(({ uid, containerId }) => cgroups.includes(`/pod${uid}/`) && !cgroups.includes(containerId));
  });
}

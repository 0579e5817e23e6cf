import type { SandboxRecord } from "@crib/core/sandbox";
import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { PodSandboxStatsFilter } from "@crib/wire/cri";

import type { CriDeps, PodUsage } from "../types.ts";
import { listSandboxes } from "./list-sandboxes.ts";

/** How many pods are asked at a time: each answer reads a dozen files. */
const parallel = 16;

/** The usage of every ready pod that the filter leaves, in the order of the list. A pod that fails is left out, and said in the log. */
export async function listUsage(
  deps: CriDeps,
  filter: PodSandboxStatsFilter | undefined,
  signal: AbortSignal,
): Promise<{ readonly record: SandboxRecord; readonly usage: PodUsage }[]> {
  const ready = listSandboxes(deps.sandboxes, filter).filter(({ state }) => state === "ready");
  const usages = new Map<SandboxRecord, PodUsage>();
  const queue = ready.values();
  const worker = async (): Promise<void> => {
    for (const record of queue) {
      signal.throwIfAborted();
      const usage = await usageOrNone(deps, record, signal);
      if (usage) usages.set(record, usage);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, ready.length) }, worker));
  return ready.flatMap((record) => {
    const usage = usages.get(record);
    return usage ? [{ record, usage }] : [];
  });
}

async function usageOrNone(deps: CriDeps, record: SandboxRecord, signal: AbortSignal): Promise<PodUsage | undefined> {
  try {
    return await deps.podUsage(record, signal);
  } catch (reason) {
    signal.throwIfAborted();
    const gone = hasCode(reason, Code.NotFound) || hasCode(reason, Code.Unavailable);
    if (!gone) {
      deps.log.warn({ sandboxId: record.id, error: StatusError.from(reason).message }, "usage of a pod cannot be read");
    }
    return undefined;
  }
}

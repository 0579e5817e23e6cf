import { readlink, statfs } from "node:fs/promises";
import { basename } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import { type CgroupDetails, cgroupDetails, cgroupLimits } from "@crib/linux";

import type { ContainerRecord } from "../containers/types.ts";
import { cgroupDirectoryOf } from "./cgroup-directory.ts";
import { processDetails } from "./process-details.ts";
import type { TaskMetrics } from "./task-metrics.ts";
import type { UsageDetails } from "./types.ts";

/** What only monitoring asks of a running container; `metrics` for one whose cgroup is not on this host. NotFound for one that does not run. */
export async function usageDetails(
  record: ContainerRecord,
  rootDir: string,
  metrics?: TaskMetrics,
): Promise<UsageDetails> {
  const { id, plan, state, facts } = record;
  if (state !== "running") throw new StatusError(Code.NotFound, `container "${id}": it does not run`);
  if (metrics) return { ...metrics.details, filesystem: await fileSystem(rootDir) };
  const cgroup = cgroupDirectoryOf(plan.cgroupPath);
  const [details, { oomKills }, processes, filesystem] = await Promise.all([
    cgroupDetails(cgroup),
    cgroupLimits(cgroup),
    processDetails(cgroup, facts.process?.pid),
    fileSystem(rootDir),
  ]);
  return {
    cpu: known({
      userNanos: details.userNanos,
      systemNanos: details.systemNanos,
      periods: details.periods,
      throttledPeriods: details.throttledPeriods,
      throttledNanos: details.throttledNanos,
    }),
    memory: known({
      cacheBytes: details.cacheBytes,
      kernelBytes: details.kernelBytes,
      mappedFileBytes: details.mappedFileBytes,
      maxUsageBytes: details.maxUsageBytes,
      limitHits: details.limitHits,
    }),
    ...(oomKills !== undefined && { oomKills }),
    hugepages: details.hugepages.map(({ pageSize, usageBytes, maxUsageBytes }) => ({
      pageSize,
      usageBytes,
      ...(maxUsageBytes !== undefined && { maxUsageBytes }),
    })),
    blockIo: await Promise.all(details.blockIo.map(named)),
    processes,
    filesystem,
  };
}

/** The entries whose value is known. */
function known<K extends string>(values: Readonly<Record<K, bigint | undefined>>): { readonly [P in K]?: bigint } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { readonly [P in K]?: bigint };
}

type BlockIo = CgroupDetails["blockIo"][number];

async function named(io: BlockIo): Promise<BlockIo & { readonly device: string }> {
  // A device that is gone has no name any more, and its counters still count.
  const link = await readlink(`/sys/dev/block/${io.major}:${io.minor}`).catch(() => "");
  return { ...io, device: link === "" ? "" : `/dev/${basename(link)}` };
}

async function fileSystem(rootDir: string): Promise<NonNullable<UsageDetails["filesystem"]>> {
  const { blocks, bsize, files, ffree } = await statfs(rootDir, { bigint: true });
  return { device: rootDir, limitBytes: blocks * bsize, inodes: files, inodesFree: ffree };
}

import { totalmem } from "node:os";

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { LinuxContainerResourcesSchema } from "@crib/wire/cri";

import type { ContainerManifest } from "./pod-manifest.ts";
import { thousandths, wholeUnits } from "./quantity.ts";

type Resources = Exclude<MessageInitShape<typeof LinuxContainerResourcesSchema>, { readonly $typeName: string }>;
type Amounts = Readonly<Record<string, string | number>>;

/** Microseconds over which CPU time is shared out, as the kubelet has it. */
const cpuPeriod = 100_000n;
const leastQuota = 1_000n;
const leastShares = 2n;
const mostShares = 262_144n;

/** Limits and weights of a container as the kubelet sends them. A limit without a request is the request too. */
export function containerResources(
  { limits = {}, requests = {} }: NonNullable<ContainerManifest["resources"]>,
  memoryBytes: number = totalmem(),
): Resources {
  const cpuLimit = amount(limits["cpu"], thousandths);
  const cpuRequest = amount(requests["cpu"], thousandths) ?? cpuLimit ?? 0n;
  const memoryLimit = amount(limits["memory"], wholeUnits);
  return {
    cpuShares: clamp((cpuRequest * 1024n) / 1000n, leastShares, mostShares),
    ...(cpuLimit !== undefined && cpuLimit > 0n && { cpuPeriod, cpuQuota: clamp(cpuLimit * 100n, leastQuota) }),
    ...(memoryLimit !== undefined && { memoryLimitInBytes: memoryLimit }),
    oomScoreAdj: BigInt(oomScore({ limits, requests }, memoryBytes)),
    hugepageLimits: Object.entries(limits).flatMap(([name, limit]) => {
      const size = /^hugepages-(\d+)([KMG])i$/.exec(name);
      return size ? [{ pageSize: `${size[1]}${size[2]}B`, limit: wholeUnits(String(limit)) }] : [];
    }),
  };
}

/** Who is killed first when memory runs out: those that asked for nothing, last those whose limits are what they asked for. */
function oomScore(
  { limits, requests }: { readonly limits: Amounts; readonly requests: Amounts },
  memoryBytes: number,
): number {
  if (Object.keys(limits).length + Object.keys(requests).length === 0) return 1000;
  const names = ["cpu", "memory"];
  const isGuaranteed = names.every(
    (name) =>
      limits[name] !== undefined &&
      thousandths(String(requests[name] ?? limits[name])) === thousandths(String(limits[name])),
  );
  if (isGuaranteed) return -997;
  const asked = Number(amount(requests["memory"] ?? limits["memory"], wholeUnits) ?? 0n);
  return Math.min(999, Math.max(3, 1000 - Math.floor((1000 * asked) / memoryBytes)));
}

function amount(value: string | number | undefined, read: (text: string) => bigint): bigint | undefined {
  return value === undefined ? undefined : read(String(value));
}

function clamp(value: bigint, least: bigint, most: bigint = value > least ? value : least): bigint {
  if (value < least) return least;
  return value > most ? most : value;
}

import type { PodSandboxStats } from "@crib/wire/cri";

type Stats = NonNullable<PodSandboxStats["linux"]>["containers"][number];

/** What a container uses; what is not known is undefined. */
export interface ContainerUsage {
  readonly id: string;
  readonly name: string;
  readonly pod: { readonly id: string; readonly name: string; readonly namespace: string };
  /** Of one CPU: 200 are two. */
  readonly cpuPercent: number | undefined;
  /** Without what the kernel could give up at once. */
  readonly memoryBytes: bigint | undefined;
  readonly diskBytes: bigint | undefined;
  /** Of the pod, all interfaces together, since it began. */
  readonly network: { readonly rxBytes: bigint; readonly txBytes: bigint } | undefined;
}

/** What containers use, from two looks at their counters, sorted by the names of pods and containers. */
export function usageBetween(
  before: readonly PodSandboxStats[],
  now: readonly PodSandboxStats[],
): readonly ContainerUsage[] {
  const earlier = new Map(before.flatMap(({ linux }) => linux?.containers ?? []).map((each) => [idOf(each), each]));
  const usages = now.flatMap((pod) =>
    (pod.linux?.containers ?? []).map((stats): ContainerUsage => {
      const { id = "", metadata } = pod.attributes ?? {};
      return {
        id: idOf(stats),
        name: stats.attributes?.metadata?.name ?? "",
        pod: { id, name: metadata?.name ?? "", namespace: metadata?.namespace ?? "" },
        cpuPercent: cpuPercent(earlier.get(idOf(stats)), stats),
        memoryBytes: (stats.memory?.workingSetBytes ?? stats.memory?.usageBytes)?.value,
        diskBytes: stats.writableLayer?.usedBytes?.value,
        network: networkOf(pod),
      };
    }),
  );
  const key = ({ pod, name }: ContainerUsage): string => `${pod.namespace}/${pod.name}/${pod.id}/${name}`;
  return usages.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function idOf({ attributes }: Stats): string {
  return attributes?.id ?? "";
}

/** From the counters; with one look only, what the runtime itself says. */
function cpuPercent(before: Stats | undefined, now: Stats): number | undefined {
  const used = now.cpu?.usageCoreNanoSeconds;
  const usedBefore = before?.cpu?.usageCoreNanoSeconds;
  const nanos = (now.cpu?.timestamp ?? 0n) - (before?.cpu?.timestamp ?? 0n);
  if (used && usedBefore && nanos > 0n && used.value >= usedBefore.value) {
    return (100 * Number(used.value - usedBefore.value)) / Number(nanos);
  }
  const cores = now.cpu?.usageNanoCores;
  return cores && Number(cores.value) / 1e7;
}

function networkOf({ linux }: PodSandboxStats): ContainerUsage["network"] {
  const network = linux?.network;
  if (!network) return undefined;
  // The default interface is not in the list.
  const interfaces = [...(network.defaultInterface ? [network.defaultInterface] : []), ...network.interfaces];
  const sum = (name: "rxBytes" | "txBytes"): bigint =>
    interfaces.reduce((all, each) => all + (each[name]?.value ?? 0n), 0n);
  return { rxBytes: sum("rxBytes"), txBytes: sum("txBytes") };
}

import type { DeviceRule, LinuxResources as SpecResources } from "@crib/oci-spec";
import type { LinuxCPU, LinuxDevice, LinuxDeviceCgroup, LinuxMemory, LinuxResources } from "@crib/wire/nri";

import { linuxResources } from "../../spec/resources/linux-resources.ts";
import type { HostFeatures, SpecOptions } from "../../spec/types.ts";
import { fromNriResources } from "../convert/from-resources.ts";

/** What the host can do with limits. */
export interface ResourceHost {
  readonly features: HostFeatures;
  readonly options: Pick<SpecOptions, "tolerateMissingHugetlb">;
}

/**
 * Limits of a specification with those that plugins want, and rules for the devices that they add. Errors are those of limits that are
 * asked for by CRI: huge pages and cgroup files that the host does not have.
 */
export function adjustResources(
  before: SpecResources,
  wanted: LinuxResources | undefined,
  devices: readonly LinuxDevice[],
  { features, options }: ResourceHost,
): SpecResources {
  const rules = devices.filter(({ path }) => !path.startsWith("-")).flatMap(deviceRule);
  if (wanted !== undefined) rules.push(...wanted.devices.map(toRule));
  const limits = wanted && linuxResources(fromNriResources(wanted), features, options);
  const cpu = { ...before.cpu, ...limits?.cpu, ...realtime(wanted?.cpu) };
  const memory = { ...before.memory, ...limits?.memory, ...moreMemory(wanted?.memory) };
  return {
    ...before,
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(limits?.hugepageLimits && { hugepageLimits: hugepages(before, limits.hugepageLimits) }),
    ...(limits?.unified && { unified: { ...before.unified, ...limits.unified } }),
    ...(wanted?.pids && { pids: { limit: Number(wanted.pids.limit) } }),
    ...(rules.length > 0 && { devices: [...(before.devices ?? []), ...rules] }),
  };
}

function hugepages(
  before: SpecResources,
  limits: NonNullable<SpecResources["hugepageLimits"]>,
): NonNullable<SpecResources["hugepageLimits"]> {
  const bySize = new Map([...(before.hugepageLimits ?? []), ...limits].map((limit) => [limit.pageSize, limit]));
  return [...bySize.values()];
}

function realtime(cpu: LinuxCPU | undefined): NonNullable<SpecResources["cpu"]> {
  return {
    ...(cpu?.realtimeRuntime && { realtimeRuntime: Number(cpu.realtimeRuntime.value) }),
    ...(cpu?.realtimePeriod && { realtimePeriod: Number(cpu.realtimePeriod.value) }),
  };
}

function moreMemory(memory: LinuxMemory | undefined): NonNullable<SpecResources["memory"]> {
  const { reservation, swappiness, disableOomKiller, useHierarchy } = memory ?? {};
  return {
    ...(reservation && { reservation: Number(reservation.value) }),
    ...(swappiness && { swappiness: Number(swappiness.value) }),
    ...(disableOomKiller && { disableOOMKiller: disableOomKiller.value }),
    ...(useHierarchy && { useHierarchy: useHierarchy.value }),
  };
}

/** A device that is there may be used. FIFOs have no rule. */
function deviceRule({ type, major, minor }: LinuxDevice): DeviceRule[] {
  if (type === "p") return [];
  return [{ allow: true, type: type === "b" ? "b" : "c", major: Number(major), minor: Number(minor), access: "rwm" }];
}

function toRule({ allow, type, major, minor, access }: LinuxDeviceCgroup): DeviceRule {
  return {
    allow,
    ...(type !== "" && { type: type as NonNullable<DeviceRule["type"]> }),
    ...(major && major.value >= 0n && { major: Number(major.value) }),
    ...(minor && minor.value >= 0n && { minor: Number(minor.value) }),
    access,
  };
}

import type { Hook, Hooks, LinuxSpec, Mount, Process, RuntimeSpec } from "@crib/oci-spec";

import { inMountingOrder } from "../../mounts/mount-order.ts";
import { ruleOf } from "../host-devices.ts";
import { cdiDeviceNode } from "./cdi-device-node.ts";
import type { CdiEdits } from "./cdi-spec.ts";

/** The specification with the edits of one device, or of all devices of a specification; what it had at the same place is replaced. */
export async function applyCdiEdits(spec: RuntimeSpec, edits: CdiEdits): Promise<RuntimeSpec> {
  const { process } = spec;
  const mounts = withMounts(spec.mounts ?? [], edits);
  const hooks = withHooks(spec.hooks, edits);
  const linux = await withLinux(spec, edits);
  return {
    ...spec,
    ...(process === undefined ? {} : { process: withProcess(process, edits) }),
    mounts,
    ...(hooks === undefined ? {} : { hooks }),
    ...(linux === undefined ? {} : { linux }),
  };
}

function withProcess(process: Process, { env = [], additionalGids = [] }: CdiEdits): Process {
  const names = new Set(env.map(nameOf));
  const kept = (process.env ?? []).filter((entry) => !names.has(nameOf(entry)));
  const gids = [...(process.user.additionalGids ?? []), ...additionalGids.filter((gid) => gid !== 0)];
  const added = [...new Map(env.map((entry) => [nameOf(entry), entry])).values()];
  const user = additionalGids.length === 0 ? process.user : { ...process.user, additionalGids: [...new Set(gids)] };
  return { ...process, ...(env.length === 0 ? {} : { env: [...kept, ...added] }), user };
}

function nameOf(entry: string): string {
  return entry.split("=", 1)[0] ?? "";
}

function withMounts(mounts: readonly Mount[], edits: CdiEdits): readonly Mount[] {
  const added = (edits.mounts ?? []).map(({ hostPath, containerPath, options, type }) => ({
    destination: containerPath,
    ...(type === undefined || type === "" ? {} : { type }),
    source: hostPath,
    ...(options === undefined ? {} : { options }),
  }));
  if (added.length === 0) return mounts;
  const taken = new Set(added.map(({ destination }) => destination));
  return inMountingOrder([...mounts.filter(({ destination }) => !taken.has(destination)), ...added]);
}

function withHooks(hooks: Hooks | undefined, edits: CdiEdits): Hooks | undefined {
  if (edits.hooks === undefined) return hooks;
  const all: Partial<Record<keyof Hooks, readonly Hook[]>> = { ...hooks };
  for (const { hookName, path, args, env, timeout } of edits.hooks) {
    const hook: Hook = {
      path,
      ...(args === undefined ? {} : { args }),
      ...(env === undefined ? {} : { env }),
      ...(timeout === undefined || timeout === 0 ? {} : { timeout }),
    };
    all[hookName] = [...(all[hookName] ?? []), hook];
  }
  return all;
}

async function withLinux(spec: RuntimeSpec, edits: CdiEdits): Promise<LinuxSpec | undefined> {
  const { linux } = spec;
  const { deviceNodes = [], netDevices = [], intelRdt } = edits;
  if (linux === undefined || (deviceNodes.length === 0 && netDevices.length === 0 && intelRdt === undefined)) {
    return linux;
  }
  const nodes = await Promise.all(deviceNodes.map((node) => cdiDeviceNode(node, spec.process?.user)));
  const taken = new Set(nodes.map(({ device }) => device.path));
  const rules = nodes
    .filter(({ device }) => device.type === "b" || device.type === "c")
    .map(({ device, permissions }) => ruleOf(device, permissions));
  const { resources, devices = [] } = linux;
  const network = Object.fromEntries(netDevices.map(({ hostInterfaceName, name }) => [hostInterfaceName, { name }]));
  return {
    ...linux,
    devices: [...devices.filter(({ path }) => !taken.has(path)), ...nodes.map(({ device }) => device)],
    resources: { ...resources, devices: [...(resources?.devices ?? []), ...rules] },
    ...(netDevices.length === 0 ? {} : { netDevices: { ...linux.netDevices, ...network } }),
    ...(intelRdt === undefined ? {} : { intelRdt: rdtOf(intelRdt) }),
  };
}

function rdtOf(edit: NonNullable<CdiEdits["intelRdt"]>): NonNullable<LinuxSpec["intelRdt"]> {
  const { closID, l3CacheSchema, memBwSchema, schemata, enableMonitoring, enableCMT, enableMBM } = edit;
  const isMonitored = enableMonitoring ?? (enableCMT === true || enableMBM === true ? true : undefined);
  return {
    ...(closID === undefined ? {} : { closID }),
    ...(l3CacheSchema === undefined ? {} : { l3CacheSchema }),
    ...(memBwSchema === undefined ? {} : { memBwSchema }),
    ...(schemata === undefined ? {} : { schemata }),
    ...(isMonitored === undefined ? {} : { enableMonitoring: isMonitored }),
  };
}

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { LinuxSpec, Process, RuntimeSpec, SeccompProfile } from "@crib/oci-spec";
import {
  IOPrioClass,
  type LinuxContainer,
  LinuxContainerSchema,
  LinuxSchedulerFlag,
  LinuxSchedulerPolicy,
  type LinuxSeccompSchema,
  type SecurityProfile_ProfileType as ProfileType,
} from "@crib/wire/nri";

import { specResources, unsigned, wrapped } from "./resources.ts";

/** The Linux part of a container, from its specification and what was chosen before that. */
export function toNriLinux(
  spec: RuntimeSpec | undefined,
  seccompProfile: { readonly profileType: ProfileType; readonly localhostRef: string },
  cgroupsPath: string,
): LinuxContainer {
  const { process, linux } = spec ?? {};
  const oomScoreAdj = wrapped(process?.oomScoreAdj);
  return create(LinuxContainerSchema, {
    seccompProfile: { ...seccompProfile },
    cgroupsPath: linux?.cgroupsPath ?? cgroupsPath,
    ...(oomScoreAdj && { oomScoreAdj }),
    ...(process && fromProcess(process)),
    ...(linux && fromLinux(linux)),
  });
}

type Init = Exclude<MessageInitShape<typeof LinuxContainerSchema>, LinuxContainer>;

function fromProcess({ ioPriority, scheduler }: Process): Init {
  return {
    ...(ioPriority && {
      ioPriority: { class: numberOf(IOPrioClass, ioPriority.class), priority: ioPriority.priority },
    }),
    ...(scheduler && {
      scheduler: {
        policy: numberOf(LinuxSchedulerPolicy, scheduler.policy),
        nice: scheduler.nice ?? 0,
        priority: scheduler.priority ?? 0,
        flags: (scheduler.flags ?? []).map((flag) => numberOf(LinuxSchedulerFlag, flag)),
        runtime: unsigned(scheduler.runtime ?? 0),
        deadline: unsigned(scheduler.deadline ?? 0),
        period: unsigned(scheduler.period ?? 0),
      },
    }),
  };
}

function fromLinux(linux: LinuxSpec): Init {
  const { closID, schemata, enableMonitoring } = linux.intelRdt ?? {};
  const netDevices = Object.entries(linux.netDevices ?? {}).map(([key, { name = "" }]) => [key, { name }] as const);
  return {
    namespaces: linux.namespaces.map(({ type, path = "" }) => ({ type, path })),
    devices: (linux.devices ?? []).map((device) => ({
      path: device.path,
      type: device.type,
      major: BigInt(device.major ?? 0),
      minor: BigInt(device.minor ?? 0),
      ...(device.fileMode !== undefined && { fileMode: { value: device.fileMode } }),
      ...(device.uid !== undefined && { uid: { value: device.uid } }),
      ...(device.gid !== undefined && { gid: { value: device.gid } }),
    })),
    ...(linux.resources && { resources: specResources(linux.resources) }),
    ...(linux.seccomp && { seccompPolicy: toNriSeccomp(linux.seccomp) }),
    sysctl: { ...linux.sysctl },
    netDevices: Object.fromEntries(netDevices),
    ...(linux.intelRdt && {
      rdt: {
        ...(closID !== undefined && { closId: { value: closID } }),
        ...(schemata && { schemata: { value: [...schemata] } }),
        ...(enableMonitoring !== undefined && { enableMonitoring: { value: enableMonitoring } }),
      },
    }),
  };
}

function toNriSeccomp(profile: SeccompProfile): MessageInitShape<typeof LinuxSeccompSchema> {
  const errno = (value: number | undefined): object => (value === undefined ? {} : { value });
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet !== undefined && { defaultErrno: errno(profile.defaultErrnoRet) }),
    architectures: [...(profile.architectures ?? [])],
    flags: [...(profile.flags ?? [])],
    listenerPath: profile.listenerPath ?? "",
    listenerMetadata: profile.listenerMetadata ?? "",
    syscalls: (profile.syscalls ?? []).map(({ names, action, errnoRet, args = [] }) => ({
      names: [...names],
      action,
      ...(errnoRet !== undefined && { errnoRet: errno(errnoRet) }),
      args: args.map(({ index, value, valueTwo = 0, op }) => ({
        index,
        value: unsigned(value),
        valueTwo: unsigned(valueTwo),
        op,
      })),
    })),
  };
}

function numberOf<N extends number>(names: Readonly<Record<string, N>>, name: string): N {
  return names[name] ?? (0 as N);
}

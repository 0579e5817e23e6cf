import { Code, StatusError } from "@crib/errdefs";
import type { LinuxDevice, LinuxNamespace, LinuxSpec, SeccompProfile } from "@crib/oci-spec";
import {
  type LinuxContainerAdjustment,
  type LinuxDevice as NriDevice,
  type LinuxRdt,
  type LinuxSeccomp,
  MpolFlag,
  MpolMode,
} from "@crib/wire/nri";

import { adjustList, adjustMap } from "./entries.ts";
import { nameOf } from "./name-of.ts";

/** The Linux part of a specification with what plugins want of it; resources and classes are others' part. */
export function adjustLinux(linux: LinuxSpec, adjust: LinuxContainerAdjustment): LinuxSpec {
  const devices = adjustList(
    linux.devices ?? [],
    ({ path }) => path,
    adjust.devices,
    ({ path }) => path,
    toDevice,
  );
  const namespaces = adjustList(
    linux.namespaces,
    ({ type }) => type,
    adjust.namespaces,
    ({ type }) => type,
    ({ type, path }): LinuxNamespace => ({ type: type as LinuxNamespace["type"], ...(path !== "" && { path }) }),
  );
  const netDevices = Object.fromEntries(
    Object.entries(adjust.netDevices).map(([key, { name }]) => [key, name === "" ? {} : { name }]),
  );
  if (adjust.cgroupsPath !== "" && adjust.cgroupsPath !== linux.cgroupsPath) {
    // What is measured, limited and killed is found by it; elsewhere it would be lost.
    const where = `cgroupsPath "${adjust.cgroupsPath}"`;
    throw new StatusError(Code.FailedPrecondition, `adjusting ${where}: the cgroup of a container is crib's to choose`);
  }
  const sysctl = adjustMap(linux.sysctl, adjust.sysctl);
  const adjustedNetDevices = adjustMap(linux.netDevices, netDevices);
  const { memoryPolicy } = adjust;
  return {
    ...linux,
    ...(devices.length > 0 || linux.devices ? { devices } : {}),
    ...(adjust.seccompPolicy && { seccomp: toSeccomp(adjust.seccompPolicy) }),
    namespaces,
    ...(sysctl && { sysctl }),
    ...(adjustedNetDevices && { netDevices: adjustedNetDevices }),
    ...(memoryPolicy && {
      memoryPolicy: {
        mode: nameOf(MpolMode, memoryPolicy.mode),
        nodes: memoryPolicy.nodes,
        ...(memoryPolicy.flags.length > 0 && { flags: memoryPolicy.flags.map((flag) => nameOf(MpolFlag, flag)) }),
      },
    }),
  };
}

/** The specification's RDT part with what plugins want: all of it anew when it is to be removed first. */
export function adjustRdt(before: LinuxSpec["intelRdt"], rdt: LinuxRdt): LinuxSpec["intelRdt"] {
  const { closId, schemata, enableMonitoring } = rdt;
  const after = {
    ...(rdt.remove ? {} : before),
    ...(closId && { closID: closId.value }),
    ...(schemata && { schemata: [...schemata.value] }),
    ...(enableMonitoring && { enableMonitoring: enableMonitoring.value }),
  };
  return Object.keys(after).length === 0 ? undefined : after;
}

function toDevice(device: NriDevice): LinuxDevice {
  const { path, type, major, minor, fileMode, uid, gid } = device;
  return {
    path,
    type: type as LinuxDevice["type"],
    ...(type !== "p" && { major: Number(major), minor: Number(minor) }),
    ...(fileMode && { fileMode: fileMode.value & 0o7777 }),
    ...(uid && { uid: uid.value }),
    ...(gid && { gid: gid.value }),
  };
}

function toSeccomp(policy: LinuxSeccomp): SeccompProfile {
  const { architectures, flags, listenerPath, listenerMetadata, syscalls, defaultErrno } = policy;
  return {
    defaultAction: policy.defaultAction,
    ...(defaultErrno && { defaultErrnoRet: defaultErrno.value }),
    ...(architectures.length > 0 && { architectures: [...architectures] }),
    ...(flags.length > 0 && { flags: [...flags] }),
    ...(listenerPath !== "" && { listenerPath }),
    ...(listenerMetadata !== "" && { listenerMetadata }),
    syscalls: syscalls.map(({ names, action, errnoRet, args }) => ({
      names: [...names],
      action,
      ...(errnoRet && { errnoRet: errnoRet.value }),
      ...(args.length > 0 && {
        args: args.map(({ index, value, valueTwo, op }) => ({
          index,
          value: Number(value),
          valueTwo: Number(valueTwo),
          op,
        })),
      }),
    })),
  };
}

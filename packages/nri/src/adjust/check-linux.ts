import {
  IOPrioClass,
  type LinuxContainerAdjustment,
  type LinuxDevice,
  type LinuxMemoryPolicy,
  type LinuxNamespace,
  type LinuxRdt,
  type LinuxScheduler,
  LinuxSchedulerFlag,
  LinuxSchedulerPolicy,
  type LinuxSeccomp,
  MpolFlag,
  MpolMode,
} from "@crib/wire/nri";

import { checkResources } from "./check-resources.ts";
import { checkExact, checkName, checkOneOf, checkPath, checkRange, checkText, invalid, quote } from "./check-values.ts";

const deviceTypes = new Set(["c", "b", "u", "p"]);
const namespaceTypes = new Set(["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"]);
/** The largest value of a 32-bit number without sign; device numbers and ids are no larger. */
const largestUint32 = 2 ** 32 - 1;

/** Throws FailedPrecondition unless the Linux part of an adjustment is well-formed. */
export function checkLinux(linux: LinuxContainerAdjustment): void {
  for (const device of linux.devices) checkDevice(device);
  for (const namespace of linux.namespaces) checkNamespace(namespace);
  for (const [key, value] of Object.entries(linux.sysctl)) {
    const name = unmarked(key);
    // A component of ".." would lead out of /proc/sys.
    if (!/^[A-Za-z0-9_\-*]+([./][A-Za-z0-9_\-*@]+)*$/.test(name))
      throw invalid(`sysctl ${quote(name)} is no name of one`);
    checkText(value, `value of sysctl ${quote(name)}`);
  }
  for (const [key, { name }] of Object.entries(linux.netDevices)) {
    checkInterface(unmarked(key));
    if (name !== "") checkInterface(name);
  }
  if (linux.resources) checkResources(linux.resources);
  if (linux.cgroupsPath !== "") checkCgroupsPath(linux.cgroupsPath);
  if (linux.oomScoreAdj) checkRange(linux.oomScoreAdj.value, -1000n, 1000n, "OOM score adjustment");
  if (linux.ioPriority) {
    checkEnum(linux.ioPriority.class, IOPrioClass, "I/O priority class");
    checkRange(linux.ioPriority.priority, 0, 7, "I/O priority");
  }
  if (linux.seccompPolicy) checkSeccomp(linux.seccompPolicy);
  if (linux.scheduler) checkScheduler(linux.scheduler);
  if (linux.rdt) checkRdt(linux.rdt);
  if (linux.memoryPolicy) checkMemoryPolicy(linux.memoryPolicy);
}

/** A key without the mark that says it is to be removed. */
export function unmarked(key: string): string {
  return key.startsWith("-") ? key.slice(1) : key;
}

function checkDevice(device: LinuxDevice): void {
  checkPath(unmarked(device.path), "device");
  if (device.path.startsWith("-")) return;
  const what = `device ${quote(device.path)}`;
  checkOneOf(device.type, deviceTypes, `type of ${what}:`);
  checkRange(device.major, 0n, largestUint32, `major number of ${what}:`);
  checkRange(device.minor, 0n, largestUint32, `minor number of ${what}:`);
  // Bits of the file's type are those of `type`, and dropped.
  if (device.fileMode) checkRange(device.fileMode.value, 0, 0o177777, `mode of ${what}:`);
}

function checkNamespace({ type, path }: LinuxNamespace): void {
  checkOneOf(unmarked(type), namespaceTypes, "namespace type");
  if (path !== "") checkPath(path, `path of the ${unmarked(type)} namespace`);
}

function checkInterface(name: string): void {
  // IFNAMSIZ is 16 with its NUL (linux/if.h).
  if (!/^[^\s/:\0]{1,15}$/.test(name) || name === "." || name === "..") {
    throw invalid(`network device ${quote(name)} is no name of one`);
  }
}

function checkCgroupsPath(path: string): void {
  checkText(path, "cgroups path");
  if (path.split("/").includes("..")) throw invalid(`cgroups path ${quote(path)} has ".."`);
}

function checkEnum(value: number, known: Readonly<Record<string, number>>, what: string): void {
  if (!Object.values(known).includes(value)) throw invalid(`${what} ${value} is not known`);
}

function checkSeccomp(policy: LinuxSeccomp): void {
  checkAction(policy.defaultAction);
  for (const architecture of policy.architectures) checkConstant(architecture, "SCMP_ARCH_");
  for (const flag of policy.flags) checkConstant(flag, "SECCOMP_FILTER_FLAG_");
  if (policy.listenerPath !== "") checkPath(policy.listenerPath, "seccomp listener");
  checkText(policy.listenerMetadata, "metadata of the seccomp listener");
  for (const { names, action, args } of policy.syscalls) {
    checkAction(action);
    for (const name of names) checkName(name, "name of a system call");
    for (const { index, value, valueTwo, op } of args) {
      checkRange(index, 0, 5, "index of a system call's argument");
      checkExact(value, 0n, "value of a system call's argument");
      checkExact(valueTwo, 0n, "second value of a system call's argument");
      checkConstant(op, "SCMP_CMP_");
    }
  }
}

function checkAction(action: string): void {
  checkConstant(action, "SCMP_ACT_");
}

function checkConstant(value: string, prefix: string): void {
  if (!value.startsWith(prefix) || !/^[A-Z0-9_]+$/.test(value)) throw invalid(`${quote(value)} is not a ${prefix}*`);
}

function checkScheduler(scheduler: LinuxScheduler): void {
  checkEnum(scheduler.policy, LinuxSchedulerPolicy, "scheduler policy");
  checkRange(scheduler.nice, -20, 19, "nice value");
  checkRange(scheduler.priority, 0, 99, "scheduler priority");
  for (const flag of scheduler.flags) checkEnum(flag, LinuxSchedulerFlag, "scheduler flag");
  checkExact(scheduler.runtime, 0n, "scheduler runtime");
  checkExact(scheduler.deadline, 0n, "scheduler deadline");
  checkExact(scheduler.period, 0n, "scheduler period");
}

function checkRdt({ closId, schemata }: LinuxRdt): void {
  if (closId) {
    checkText(closId.value, "RDT class of service");
    // It becomes a directory of resctrl.
    if (/[/\n]/.test(closId.value) || closId.value === "." || closId.value === "..") {
      throw invalid(`RDT class of service ${quote(closId.value)} is no name of a directory`);
    }
  }
  for (const line of schemata?.value ?? []) {
    checkText(line, "line of the RDT schemata");
    if (line.includes("\n")) throw invalid(`line ${quote(line)} of the RDT schemata is more than one`);
  }
}

function checkMemoryPolicy({ mode, nodes, flags }: LinuxMemoryPolicy): void {
  checkEnum(mode, MpolMode, "memory policy");
  if (nodes !== "" && !/^[0-9,-]+$/.test(nodes))
    throw invalid(`nodes ${quote(nodes)} of the memory policy are no list`);
  for (const flag of flags) checkEnum(flag, MpolFlag, "memory policy flag");
}

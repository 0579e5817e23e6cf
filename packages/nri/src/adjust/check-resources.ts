import type { LinuxCPU, LinuxDeviceCgroup, LinuxMemory, LinuxResources } from "@crib/wire/nri";

import { checkExact, checkName, checkOneOf, checkRange, checkText, invalid, quote } from "./check-values.ts";

const cpuList = /^\d{1,6}(-\d{1,6})?(,\d{1,6}(-\d{1,6})?)*$/;
const ruleTypes = new Set(["", "a", "b", "c"]);

/** Throws FailedPrecondition unless limits that a plugin asks for are well-formed. */
export function checkResources(resources: LinuxResources): void {
  if (resources.memory) checkMemory(resources.memory);
  if (resources.cpu) checkCpu(resources.cpu);
  for (const { pageSize, limit } of resources.hugepageLimits) {
    if (!/^\d{1,10}[KMG]B$/.test(pageSize)) throw invalid(`huge page size ${quote(pageSize)} is not like "2MB"`);
    checkExact(limit, 0n, `limit of huge pages of ${pageSize}`);
  }
  for (const [file, value] of Object.entries(resources.unified)) {
    // A name of a file of the container's own cgroup; with a slash it would be one of another.
    if (!/^[a-z0-9_]+(\.[A-Za-z0-9_]+)+$/.test(file)) throw invalid(`cgroup file ${quote(file)} is not a name of one`);
    checkText(value, `value of cgroup file ${quote(file)}`);
  }
  for (const rule of resources.devices) checkDeviceRule(rule);
  if (resources.pids) checkExact(resources.pids.limit, -1n, "limit of processes");
  if (resources.blockioClass) checkText(resources.blockioClass.value, "block I/O class");
  if (resources.rdtClass) checkText(resources.rdtClass.value, "RDT class");
}

function checkMemory(memory: LinuxMemory): void {
  checkExact(memory.limit?.value, -1n, "memory limit");
  checkExact(memory.reservation?.value, -1n, "memory reservation");
  checkExact(memory.swap?.value, -1n, "memory swap limit");
  checkExact(memory.kernel?.value, -1n, "kernel memory limit");
  checkExact(memory.kernelTcp?.value, -1n, "kernel TCP memory limit");
  if (memory.swappiness) checkRange(memory.swappiness.value, 0n, 200n, "memory swappiness");
}

function checkCpu(cpu: LinuxCPU): void {
  checkExact(cpu.shares?.value, 0n, "CPU shares");
  checkExact(cpu.quota?.value, -1n, "CPU quota");
  checkExact(cpu.period?.value, 0n, "CPU period");
  checkExact(cpu.realtimeRuntime?.value, -1n, "CPU realtime runtime");
  checkExact(cpu.realtimePeriod?.value, 0n, "CPU realtime period");
  if (cpu.cpus !== "" && !cpuList.test(cpu.cpus)) throw invalid(`CPU set ${quote(cpu.cpus)} is not a list of numbers`);
  if (cpu.mems !== "" && !cpuList.test(cpu.mems)) throw invalid(`memory nodes ${quote(cpu.mems)} are not numbers`);
}

function checkDeviceRule(rule: LinuxDeviceCgroup): void {
  checkOneOf(rule.type, ruleTypes, "type of a device rule");
  checkExact(rule.major?.value, -1n, "major number of a device rule");
  checkExact(rule.minor?.value, -1n, "minor number of a device rule");
  checkName(rule.access, "access of a device rule");
  if (!/^[rwm]{1,3}$/.test(rule.access)) throw invalid(`access ${quote(rule.access)} of a device rule is not of "rwm"`);
}

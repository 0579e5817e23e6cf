import { readFileSync } from "node:fs";

import { attempt } from "../libc/errno-error.ts";

/** Capabilities that crib asks for, with their numbers of linux/capability.h. */
const numbers = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_FOWNER: 3,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_SYS_CHROOT: 18,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_MKNOD: 27,
} as const;

/** The name of a capability. */
export type Capability = keyof typeof numbers;

/** Whether this process has a capability in effect. */
export function hasCapability(name: Capability): boolean {
  const status = attempt("reading capabilities", () => readFileSync("/proc/self/status", "latin1"));
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return (BigInt(`0x${mask}`) & (1n << BigInt(numbers[name]))) !== 0n;
}

/**
 * The lowest oom_score_adj that a process of ours may be given: without CAP_SYS_RESOURCE none below this process' own,
 * proc_pid_oom_score_adj(5); with it -1000.
 */
export function oomScoreAdjFloor(): number {
  if (hasCapability("CAP_SYS_RESOURCE")) return -1000;
  return Number(attempt("reading oom_score_adj", () => readFileSync("/proc/self/oom_score_adj", "latin1")).trim());
}

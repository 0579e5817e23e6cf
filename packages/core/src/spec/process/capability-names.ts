import { readFileSync } from "node:fs";

import { StatusError } from "@crib/errdefs";

/** Names by number (linux/capability.h). */
const names = `
  CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST
  NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE
  SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
  BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

/** Every capability that crib knows, `CAP_...`, in the order of their numbers. */
export const knownCapabilities: readonly string[] = names;

/** The names of a set as /proc/PID/status shows it, in hexadecimal. Numbers without a name are left out. */
export function capabilitiesOf(mask: string): readonly string[] {
  const bits = BigInt(`0x${mask}`);
  return names.filter((_, number) => ((bits >> BigInt(number)) & 1n) === 1n);
}

let held: readonly string[] | undefined;

/**
 * The capabilities that a child of this process can have: those in effect here. Read once; a process of ours never changes
 * them. Without some of root's, as in a container, no child of it can have those either.
 */
export function heldCapabilities(): readonly string[] {
  return (held ??= readHeld());
}

function readHeld(): readonly string[] {
  try {
    const status = readFileSync("/proc/self/status", "latin1");
    return capabilitiesOf(/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0");
  } catch (error) {
    throw StatusError.from(error, "reading capabilities");
  }
}

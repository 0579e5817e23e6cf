import { constants } from "node:os";

import type { SeccompProfile, SeccompRule } from "@crib/oci-spec";

import { allowedSyscalls } from "./allowed-syscalls.ts";
import { seccompArchitecture } from "./architectures.ts";
import { capabilitySyscalls } from "./capability-syscalls.ts";

/** All of the CLONE_NEW... flags but CLONE_NEWTIME, which shares its bit with the exit signal of clone(2). */
const newNamespaces = 0x7e_02_00_00;

/**
 * Socket families as ranges of the argument's lower half, `family & mask == value`: 0 to 63 without 38 (AF_ALG) and 40
 * (AF_VSOCK). The kernel looks at the lower half only, so a comparison of all 64 bits could be gone round by setting others.
 */
const socketFamilies: readonly (readonly [mask: number, value: number])[] = [
  [0xff_ff_ff_e0, 0], // 0 to 31
  [0xff_ff_ff_fc, 32], // 32 to 35
  [0xff_ff_ff_fe, 36], // 36, 37
  [0xff_ff_ff_ff, 39],
  [0xff_ff_ff_ff, 41],
  [0xff_ff_ff_fe, 42], // 42, 43
  [0xff_ff_ff_fc, 44], // 44 to 47
  [0xff_ff_ff_f0, 48], // 48 to 63
];

/** The default one, PER_LINUX32, both with UNAME26 and the question which one it is (personality(2)). */
const personalities = [0x0, 0x8, 0x2_00_00, 0x2_00_08, 0xff_ff_ff_ff];

/**
 * The seccomp profile "runtime/default": in effect the one of Moby and containerd (June 2026), for a process with these
 * capabilities in its bounding set. All that is not allowed fails with EPERM, `clone3` without CAP_SYS_ADMIN with ENOSYS so
 * that C libraries fall back to `clone`, whose flags can be looked at.
 *
 * Two differences. There, `socketcall` of 32-bit programs goes round the rules for socket families, since libseccomp allows
 * the same call there without looking at the family; here it is ENOSYS, and such programs must use `socket` itself, which
 * Linux has for them since 4.3. And x32 programs do not run. Freshly made for each call.
 */
export function defaultSeccomp(bounding: readonly string[], nodeArch: string = process.arch): SeccompProfile {
  const architecture = seccompArchitecture(nodeArch);
  const held = new Set(bounding);
  const byCapability = Object.entries(capabilitySyscalls).flatMap(([name, calls]) => (held.has(name) ? calls : []));
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: constants.errno.EPERM,
    ...(architecture.names.length === 0 ? {} : { architectures: [...architecture.names] }),
    syscalls: [
      allow([...allowedSyscalls, "process_vm_readv", "process_vm_writev", "ptrace", ...architecture.syscalls]),
      ...(byCapability.length === 0 ? [] : [allow([...new Set(byCapability)])]),
      ...socketFamilies.map(([mask, family]) => maskedEqual("socket", 0, mask, family)),
      ...personalities.map((value) => allow(["personality"], [{ index: 0, value, op: "SCMP_CMP_EQ" }])),
      architecture.needsSocketcall ? allow(["socketcall"]) : refuse("socketcall"),
      ...(held.has("CAP_SYS_ADMIN")
        ? []
        : [maskedEqual("clone", architecture.cloneFlags, newNamespaces, 0), refuse("clone3")]),
    ],
  };
}

function allow(names: readonly string[], args?: NonNullable<SeccompRule["args"]>): SeccompRule {
  return { names, action: "SCMP_ACT_ALLOW", ...(args === undefined ? {} : { args }) };
}

function maskedEqual(name: string, index: number, mask: number, value: number): SeccompRule {
  return allow([name], [{ index, value: mask, valueTwo: value, op: "SCMP_CMP_MASKED_EQ" }]);
}

function refuse(name: string): SeccompRule {
  return { names: [name], action: "SCMP_ACT_ERRNO", errnoRet: constants.errno.ENOSYS };
}

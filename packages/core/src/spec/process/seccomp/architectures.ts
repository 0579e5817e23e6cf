/** What a profile needs to know of a processor. */
export interface SeccompArchitecture {
  /** The native one and those whose programs it runs too, as libseccomp names them. */
  readonly names: readonly string[];
  /** System calls that exist for this processor only. */
  readonly syscalls: readonly string[];
  /** Where `clone` has its flags; 0 but on s390x (clone(2)). */
  readonly cloneFlags: 0 | 1;
  /** The C library's `socket` is a `socketcall` there, so that denying it would deny all sockets. */
  readonly needsSocketcall: boolean;
}

const plain = { syscalls: [], cloneFlags: 0, needsSocketcall: false } as const;

const byNodeArch: Readonly<Record<string, SeccompArchitecture>> = {
  x64: {
    ...plain,
    // Not x32: nobody's programs use it, and its table would cost each start and each exec some 5 ms of processor time.
    // libseccomp ends a process that makes such a call.
    names: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    syscalls: ["arch_prctl", "modify_ldt"],
  },
  arm64: {
    ...plain,
    names: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    syscalls: ["arm_fadvise64_64", "arm_sync_file_range", "breakpoint", "cacheflush", "set_tls", "sync_file_range2"],
  },
  ppc64: { ...plain, names: ["SCMP_ARCH_PPC64LE"], syscalls: ["swapcontext", "sync_file_range2"] },
  riscv64: { ...plain, names: ["SCMP_ARCH_RISCV64"], syscalls: ["riscv_flush_icache"] },
  loong64: { ...plain, names: ["SCMP_ARCH_LOONGARCH64"] },
  s390x: {
    names: ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"],
    syscalls: ["s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr"],
    cloneFlags: 1,
    needsSocketcall: true,
  },
};

/** The architecture that Node names so; an unknown one has the runtime's own name only and nothing special. */
export function seccompArchitecture(nodeArch: string): SeccompArchitecture {
  return byNodeArch[nodeArch] ?? { ...plain, names: [] };
}

import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";

import { StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";

/** The version of the running kernel. */
export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
  /** As `uname -r` says it. */
  readonly release: string;
}

/** Reads a release such as `6.1.0-18-amd64`; what has no numbers is 0.0. */
export function parseKernelRelease(text: string): KernelVersion {
  const [, major = "0", minor = "0"] = /^([0-9]+)\.([0-9]+)/.exec(text) ?? [];
  return { major: Number(major), minor: Number(minor), release: text };
}

/** The version of the running kernel. */
export function kernelVersion(): KernelVersion {
  return parseKernelRelease(release());
}

/** Whether the kernel confines with AppArmor; tools to load profiles may still be missing. */
export function appArmorEnabled(): boolean {
  try {
    return readFileSync("/sys/module/apparmor/parameters/enabled", "latin1").startsWith("Y");
  } catch (error) {
    if (errnoName(error) === "ENOENT") return false;
    throw StatusError.from(error, "reading the state of AppArmor");
  }
}

/** Whether SELinux is on, enforcing or not: its file system is mounted then. */
export function selinuxEnabled(): boolean {
  return existsSync("/sys/fs/selinux/enforce");
}

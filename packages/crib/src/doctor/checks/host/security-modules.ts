import { readFileSync } from "node:fs";

import { appArmorEnabled, selinuxEnabled } from "@crib/linux";

import { type Check, ok, warn } from "../types.ts";

/** AppArmor, SELinux, seccomp. */
export const securityModules: Check = {
  name: "confinement",
  run() {
    const modules = [appArmorEnabled() && "AppArmor", selinuxEnabled() && "SELinux"].filter((each) => each !== false);
    // proc_pid_status(5): the line is there when the kernel is built with seccomp.
    const seccomp = /^Seccomp:/m.test(readFileSync("/proc/self/status", "utf8"));
    return [
      modules.length > 0
        ? ok(modules.join(", "))
        : warn(
            "neither AppArmor nor SELinux",
            "enable one of them; profiles and labels of pods are ignored until then",
          ),
      seccomp
        ? ok("seccomp")
        : warn("no seccomp", "use a kernel with CONFIG_SECCOMP_FILTER; profiles are ignored until then"),
    ];
  },
};

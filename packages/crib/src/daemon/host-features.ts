import { existsSync } from "node:fs";

import { type HostFeatures, hasSwapAccounting } from "@crib/core/spec";
import type { RuntimeHandlers } from "@crib/cri";
import { appArmorEnabled, cgroupLayout, oomScoreAdjFloor, selinuxEnabled } from "@crib/linux";

/** What the host and the runtimes of the handlers can do for containers; of the runtimes as they are when asked. */
export function readHostFeatures(
  cgroupDriver: HostFeatures["cgroupDriver"],
  handlers: Pick<RuntimeHandlers, "all">,
): HostFeatures {
  const { version, hierarchies } = cgroupLayout();
  const cgroupVersion = version === 2 ? 2 : 1;
  return {
    cgroupVersion,
    cgroupDriver,
    // Beside trees of version 1, runtimes do not use what is left in that of version 2.
    cgroupControllers: hierarchies.flatMap(({ controllers, unified }) =>
      unified === (cgroupVersion === 2) ? controllers : [],
    ),
    apparmor: appArmorEnabled(),
    selinux: selinuxEnabled(),
    oomScoreAdjFloor: oomScoreAdjFloor(),
    // proc_sys_kernel(5): there since Linux 4.14 where the kernel has seccomp filters.
    seccomp: existsSync("/proc/sys/kernel/seccomp/actions_avail"),
    swapAccounting: hasSwapAccounting(cgroupVersion),
    // Handlers may change while the daemon runs.
    get runtimes() {
      return Object.fromEntries(
        handlers.all.map(({ handler, recursiveReadOnlyMounts, userNamespaces }) => [
          handler.name,
          { recursiveReadOnlyMounts, idmappedMounts: userNamespaces },
        ]),
      );
    },
  };
}

import { type Capability, hasCapability, oomScoreAdjFloor } from "@crib/linux";

import { type Check, type CheckResult, fail, ok, warn } from "../types.ts";

/** Without these no pod can be made. */
const needed: readonly Capability[] = [
  "CAP_SYS_ADMIN",
  "CAP_NET_ADMIN",
  "CAP_SYS_CHROOT",
  "CAP_MKNOD",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_KILL",
  "CAP_SETUID",
  "CAP_SETGID",
];

/** What this process may do. */
export const capabilities: Check = {
  name: "privileges",
  run() {
    const missing = needed.filter((name) => !hasCapability(name));
    if (missing.length > 0) return [fail(`no ${missing.join(", ")}`, "run crib as root, outside of a container")];
    const results: CheckResult[] = [ok("root's capabilities")];
    if (!hasCapability("CAP_SYS_RESOURCE")) {
      const what = `no CAP_SYS_RESOURCE: oom_score_adj of pods is clamped to ${oomScoreAdjFloor()} or more`;
      results.push(warn(what, "grant it, so that the kernel's OOM killer spares pause processes"));
    }
    return results;
  },
};

import type { SandboxSecurity } from "@crib/sandboxer";
import type { LinuxSandboxSecurityContext } from "@crib/wire/cri";

import { invalid } from "../values/invalid.ts";
import { checkApparmor } from "./apparmor.ts";
import { checkGroups, checkUserId } from "./identity.ts";
import { checkSeccomp } from "./seccomp.ts";
import { checkSelinux } from "./selinux.ts";

const field = "config.linux.security_context";

/** The security context of the sandbox itself. The AppArmor profile is for containers; here only its form is checked. */
export function checkSecurity(context: LinuxSandboxSecurityContext | undefined): SandboxSecurity {
  const runAsUser = checkUserId("run_as_user", context?.runAsUser?.value);
  const runAsGroup = checkUserId("run_as_group", context?.runAsGroup?.value);
  if (runAsGroup !== undefined && runAsUser === undefined) {
    throw invalid(`${field}.run_as_group`, "is given without run_as_user");
  }
  const selinux = checkSelinux(context?.selinuxOptions);
  checkApparmor(context?.apparmor);
  return {
    ...(runAsUser !== undefined && { runAsUser }),
    ...(runAsGroup !== undefined && { runAsGroup }),
    supplementalGroups: checkGroups(context?.supplementalGroups ?? [], context?.supplementalGroupsPolicy ?? 0).groups,
    readonlyRootfs: context?.readonlyRootfs ?? false,
    ...(selinux && { selinux }),
    // The CRI: unconfined where nothing is asked.
    seccomp: checkSeccomp(context) ?? { kind: "unconfined" },
  };
}

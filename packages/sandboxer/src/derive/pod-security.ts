import { type LinuxSandboxSecurityContext, SecurityProfile_ProfileType } from "@crib/wire/cri";

import type { SandboxSecurity } from "../types.ts";

/** The part of a pod's security context that a controller applies to its own process. */
export function podSecurity(context: LinuxSandboxSecurityContext | undefined): SandboxSecurity {
  const { runAsUser, runAsGroup, selinuxOptions } = context ?? {};
  return {
    ...(runAsUser === undefined ? {} : { runAsUser: Number(runAsUser.value) }),
    ...(runAsGroup === undefined ? {} : { runAsGroup: Number(runAsGroup.value) }),
    supplementalGroups: (context?.supplementalGroups ?? []).map(Number),
    readonlyRootfs: context?.readonlyRootfs ?? false,
    ...(selinuxOptions === undefined
      ? {}
      : {
          selinux: {
            user: selinuxOptions.user,
            role: selinuxOptions.role,
            type: selinuxOptions.type,
            level: selinuxOptions.level,
          },
        }),
    seccomp: seccompOf(context),
  };
}

function seccompOf(context: LinuxSandboxSecurityContext | undefined): SandboxSecurity["seccomp"] {
  const { profileType, localhostRef = "" } = context?.seccomp ?? {};
  if (profileType === SecurityProfile_ProfileType.Localhost) return { kind: "localhost", path: localhostRef };
  if (profileType === SecurityProfile_ProfileType.Unconfined) return { kind: "unconfined" };
  return { kind: "runtime-default" };
}

import type { SandboxSecurity } from "@crib/sandboxer";
import {
  type LinuxSandboxSecurityContext,
  type SELinuxOption,
  SecurityProfile_ProfileType,
  SupplementalGroupsPolicy,
} from "@crib/wire/cri";

import { checkInteger, maxUserId } from "../values/integer.ts";
import { invalid } from "../values/invalid.ts";
import { checkCount, checkText } from "../values/text.ts";
import { checkSeccomp } from "./seccomp.ts";

const field = "config.linux.security_context";
/** NGROUPS_MAX of Linux. */
const maxGroups = 65_536;
const selinuxPart = { maxBytes: 1_024, pattern: /^[A-Za-z0-9_.,:-]*$/, form: "a part of an SELinux label" };

/** The security context of the sandbox itself. The AppArmor profile is for containers; here only its form is checked. */
export function checkSecurity(context: LinuxSandboxSecurityContext | undefined): SandboxSecurity {
  const runAsUser = checkId("run_as_user", context?.runAsUser?.value);
  const runAsGroup = checkId("run_as_group", context?.runAsGroup?.value);
  if (runAsGroup !== undefined && runAsUser === undefined) {
    throw invalid(`${field}.run_as_group`, "is given without run_as_user");
  }
  const selinux = checkSelinux(context?.selinuxOptions);
  checkApparmor(context);
  return {
    ...(runAsUser !== undefined && { runAsUser }),
    ...(runAsGroup !== undefined && { runAsGroup }),
    supplementalGroups: checkGroups(context),
    readonlyRootfs: context?.readonlyRootfs ?? false,
    ...(selinux && { selinux }),
    seccomp: checkSeccomp(context),
  };
}

function checkId(name: string, value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : checkInteger(`${field}.${name}`, value, 0, maxUserId);
}

function checkGroups(context: LinuxSandboxSecurityContext | undefined): number[] {
  const groups = context?.supplementalGroups ?? [];
  checkCount(`${field}.supplemental_groups`, groups.length, maxGroups);
  const policy: number = context?.supplementalGroupsPolicy ?? SupplementalGroupsPolicy.Merge;
  if (policy !== SupplementalGroupsPolicy.Merge && policy !== SupplementalGroupsPolicy.Strict) {
    throw invalid(`${field}.supplemental_groups_policy`, `${policy} is no known policy`);
  }
  return groups.map((group) => checkInteger(`${field}.supplemental_groups`, group, 0, maxUserId));
}

function checkSelinux(options: SELinuxOption | undefined): SandboxSecurity["selinux"] {
  if (!options) return undefined;
  const part = (name: "user" | "role" | "type" | "level"): string =>
    checkText(`${field}.selinux_options.${name}`, options[name], selinuxPart);
  const label = { user: part("user"), role: part("role"), type: part("type"), level: part("level") };
  return Object.values(label).every((value) => value === "") ? undefined : label;
}

function checkApparmor(context: LinuxSandboxSecurityContext | undefined): void {
  const profile = context?.apparmor;
  if (!profile) return;
  const type: number = profile.profileType;
  if (!Object.values<number>(SecurityProfile_ProfileType).includes(type)) {
    throw invalid(`${field}.apparmor.profile_type`, `${type} is no known profile type`);
  }
  if (type === SecurityProfile_ProfileType.Localhost && profile.localhostRef === "") {
    throw invalid(`${field}.apparmor.localhost_ref`, "is empty");
  }
  checkText(`${field}.apparmor.localhost_ref`, profile.localhostRef, { maxBytes: 4_095 });
}

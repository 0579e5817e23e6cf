import type { SandboxSecurity } from "@crib/sandboxer";
import { type LinuxSandboxSecurityContext, type SecurityProfile, SecurityProfile_ProfileType } from "@crib/wire/cri";

import { checkAbsolutePath } from "../values/absolute-path.ts";
import { invalid, quote } from "../values/invalid.ts";

const field = "config.linux.security_context";
const localhostPrefix = "localhost/";

/**
 * The seccomp profile of a security context: `seccomp`, else the older `seccomp_profile_path`, else undefined. A localhost
 * profile without a path is refused, never taken as unconfined (CVE-2023-2431).
 */
export function checkSeccomp(
  context: Pick<LinuxSandboxSecurityContext, "seccomp" | "seccompProfilePath"> | undefined,
): SandboxSecurity["seccomp"] | undefined {
  if (context?.seccomp) return checkProfile(context.seccomp);
  const older = context?.seccompProfilePath ?? "";
  return older === "" ? undefined : checkProfilePath(older);
}

function checkProfile({ profileType, localhostRef }: SecurityProfile): SandboxSecurity["seccomp"] {
  if (profileType === SecurityProfile_ProfileType.Localhost)
    return localhost(`${field}.seccomp.localhost_ref`, localhostRef);
  if (profileType === SecurityProfile_ProfileType.RuntimeDefault) return { kind: "runtime-default" };
  if (profileType === SecurityProfile_ProfileType.Unconfined) return { kind: "unconfined" };
  throw invalid(`${field}.seccomp.profile_type`, `${profileType as number} is no known profile type`);
}

function checkProfilePath(path: string): SandboxSecurity["seccomp"] {
  if (path === "unconfined") return { kind: "unconfined" };
  if (path === "runtime/default" || path === "docker/default") return { kind: "runtime-default" };
  if (path.startsWith(localhostPrefix)) return localhost(`${field}.seccomp_profile_path`, path);
  throw invalid(`${field}.seccomp_profile_path`, `${quote(path)} is no known profile`);
}

/** Some clients send the prefix of the older field in the newer one too. */
function localhost(name: string, reference: string): SandboxSecurity["seccomp"] {
  const path = reference.startsWith(localhostPrefix) ? reference.slice(localhostPrefix.length) : reference;
  if (path === "") throw invalid(name, "is empty");
  return { kind: "localhost", path: checkAbsolutePath(name, path) };
}

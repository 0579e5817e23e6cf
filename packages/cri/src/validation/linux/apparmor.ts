import type { ProfileRequest } from "@crib/core/containers";
import { type SecurityProfile, SecurityProfile_ProfileType } from "@crib/wire/cri";

import { invalid, quote } from "../values/invalid.ts";
import { checkText } from "../values/text.ts";

const field = "config.linux.security_context";
const localhostPrefix = "localhost/";

/**
 * The AppArmor profile of a security context: `apparmor`, else the older `apparmor_profile`, else undefined. A localhost
 * profile without a name is refused, never taken as unconfined.
 */
export function checkApparmor(profile: SecurityProfile | undefined, older = ""): ProfileRequest | undefined {
  if (profile) return checkProfile(profile);
  const name = `${field}.apparmor_profile`;
  if (older === "") return undefined;
  if (older === "runtime/default") return { kind: "runtime-default" };
  if (older === "unconfined") return { kind: "unconfined" };
  if (older.startsWith(localhostPrefix)) return localhost(name, older);
  throw invalid(name, `${quote(older)} is not one of "runtime/default", "unconfined", "localhost/NAME"`);
}

function checkProfile({ profileType, localhostRef }: SecurityProfile): ProfileRequest {
  if (profileType === SecurityProfile_ProfileType.RuntimeDefault) return { kind: "runtime-default" };
  if (profileType === SecurityProfile_ProfileType.Unconfined) return { kind: "unconfined" };
  if (profileType === SecurityProfile_ProfileType.Localhost) {
    return localhost(`${field}.apparmor.localhost_ref`, localhostRef);
  }
  throw invalid(`${field}.apparmor.profile_type`, `${profileType as number} is no known profile type`);
}

/** Some clients send the prefix of the older field in the newer one too. */
function localhost(name: string, reference: string): ProfileRequest {
  const profile = reference.startsWith(localhostPrefix) ? reference.slice(localhostPrefix.length) : reference;
  if (profile === "") throw invalid(name, "is empty");
  return { kind: "localhost", name: checkText(name, profile, { maxBytes: 4_095 }) };
}

import type { SandboxSecurity } from "@crib/sandboxer";
import type { SELinuxOption } from "@crib/wire/cri";

import { checkText } from "../values/text.ts";

const field = "config.linux.security_context.selinux_options";
const selinuxPart = { maxBytes: 1_024, pattern: /^[A-Za-z0-9_.,:-]*$/, form: "a part of an SELinux label" };

/** The SELinux label of a security context; undefined when no part of it is given. */
export function checkSelinux(options: SELinuxOption | undefined): SandboxSecurity["selinux"] {
  if (!options) return undefined;
  const part = (name: "user" | "role" | "type" | "level"): string =>
    checkText(`${field}.${name}`, options[name], selinuxPart);
  const label = { user: part("user"), role: part("role"), type: part("type"), level: part("level") };
  return Object.values(label).every((value) => value === "") ? undefined : label;
}

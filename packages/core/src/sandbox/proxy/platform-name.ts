import { platformOf } from "@crib/oci-spec";
import type { Platform } from "@crib/sandboxer";

/** How programs name processors, and how OCI indexes do. */
const architectures: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  x64: "amd64",
  aarch64: "arm64",
  armv8: "arm64",
  i386: "386",
  i686: "386",
};

/**
 * A platform as a sandboxer names it, with the names of OCI indexes. What it leaves out is the host's, and so is `x86`: that is what
 * Kuasar says on every machine.
 */
export function platformName(said: Platform | undefined, host: Platform = platformOf()): Platform {
  const os = said?.os.toLowerCase() ?? "";
  const name = said?.architecture.toLowerCase() ?? "";
  const architecture = name === "" || name === "x86" ? host.architecture : (architectures[name] ?? name);
  const variant = said?.variant ?? "";
  return {
    os: os === "" ? host.os : os,
    architecture,
    variant: variant === "" && architecture === host.architecture ? host.variant : variant,
  };
}

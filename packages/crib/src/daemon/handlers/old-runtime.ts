import { StatusError } from "@crib/errdefs";

import { type Advisory, openAdvisories } from "../advisories/open-advisories.ts";
import { formatVersion, parseVersion } from "../advisories/version.ts";
import { askProgram } from "./ask-program.ts";

/** Milliseconds that an OCI runtime may take to tell its version. */
const versionMs = 5_000;

/** What can be said of the age of an OCI runtime. */
export type RuntimeAge =
  | { readonly kind: "fixed" }
  | { readonly kind: "old"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

/** Which program printed this version: whatever it is called, and whoever calls it on its behalf. */
export function programOf(printed: string): string {
  return /^\S+/.exec(printed)?.[0] ?? "";
}

/** Asks an OCI runtime, given by its path, for its version, and compares that with the fixes of known vulnerabilities. */
export async function ageOfRuntime(path: string): Promise<RuntimeAge> {
  let printed: string;
  try {
    printed = await askProgram(path, "--version", versionMs);
  } catch (reason) {
    return {
      kind: "unknown",
      reason: `its OCI runtime does not tell its version: ${StatusError.from(reason).message}`,
    };
  }
  const version = parseVersion(printed);
  if (!version) return { kind: "unknown", reason: `its OCI runtime "${path}" does not tell its version` };
  const open = openAdvisories(programOf(printed), version);
  if (open.length === 0) return { kind: "fixed" };
  return { kind: "old", reason: `its OCI runtime "${path}" is ${formatVersion(version)}: ${describe(open)}` };
}

function describe(open: readonly Advisory[]): string {
  return open.map(({ id, fixedIn }) => `${id} is fixed in ${fixedIn.join(" or ")}`).join("; ");
}

import { readFile } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

/** Where the kernel lists the profiles that are loaded. */
const loadedProfiles = "/sys/kernel/security/apparmor/profiles";

/** Whether the kernel has a profile of that name. */
export async function isProfileLoaded(name: string, profilesFile: string = loadedProfiles): Promise<boolean> {
  try {
    const lines = (await readFile(profilesFile, "utf8")).split("\n");
    // "NAME (enforce)"; names may have blanks and brackets themselves.
    return lines.some((line) => line.slice(0, line.lastIndexOf(" (")) === name);
  } catch (error) {
    throw StatusError.from(error, `looking for AppArmor profile "${name}"`);
  }
}

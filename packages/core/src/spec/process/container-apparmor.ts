import { readFile } from "node:fs/promises";

import { Code, StatusError } from "@crib/errdefs";

import type { ProfileRequest } from "../../containers/types.ts";

/** Name of the profile that containers have unless told otherwise; loaded by `loadDefaultAppArmorProfile`. */
export const defaultAppArmorProfile = "crib-default";

/** Where the kernel lists the profiles that are loaded. */
const loadedProfiles = "/sys/kernel/security/apparmor/profiles";

/** What decides about the profile besides the request. */
export interface AppArmorHost {
  readonly privileged: boolean;
  /** Whether the host confines with AppArmor. */
  readonly apparmor: boolean;
  /** Default: the kernel's list. */
  readonly profilesFile?: string;
}

/**
 * The AppArmor profile of a container; undefined is the runtime's own choice, which is none. Nothing asked is the default one, but
 * for privileged containers. FailedPrecondition for a profile of the host where AppArmor is off, InvalidArgument for one that is
 * not loaded: never unconfined instead.
 */
export async function containerAppArmor(
  wanted: ProfileRequest | undefined,
  host: AppArmorHost,
): Promise<string | undefined> {
  const kind = wanted?.kind ?? "runtime-default";
  if (wanted?.kind === "localhost") {
    const doing = `using AppArmor profile "${wanted.name}"`;
    if (wanted.name === "") throw new StatusError(Code.InvalidArgument, `${doing}: it has no name`);
    if (!host.apparmor)
      throw new StatusError(Code.FailedPrecondition, `${doing}: AppArmor is not supported by the host`);
    if (!(await isLoaded(wanted.name, host.profilesFile))) {
      throw new StatusError(Code.InvalidArgument, `${doing}: it is not loaded`);
    }
    return wanted.name;
  }
  if (!host.apparmor) return undefined;
  if (kind === "unconfined") return "unconfined";
  return host.privileged ? undefined : defaultAppArmorProfile;
}

/** Whether the kernel has a profile of that name. */
export async function isLoaded(name: string, profilesFile: string = loadedProfiles): Promise<boolean> {
  try {
    const lines = (await readFile(profilesFile, "utf8")).split("\n");
    // "NAME (enforce)"; names may have blanks and brackets themselves.
    return lines.some((line) => line.slice(0, line.lastIndexOf(" (")) === name);
  } catch (error) {
    throw StatusError.from(error, `looking for AppArmor profile "${name}"`);
  }
}

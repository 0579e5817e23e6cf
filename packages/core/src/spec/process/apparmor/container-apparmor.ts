import { Code, StatusError } from "@crib/errdefs";

import type { ProfileRequest } from "../../../containers/types.ts";
import { isProfileLoaded } from "./is-profile-loaded.ts";

/** Name of the profile that containers have unless told otherwise; loaded by `loadDefaultAppArmorProfile`. */
export const defaultAppArmorProfile = "crib-default";

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
    if (!(await isProfileLoaded(wanted.name, host.profilesFile))) {
      throw new StatusError(Code.InvalidArgument, `${doing}: it is not loaded`);
    }
    return wanted.name;
  }
  if (!host.apparmor) return undefined;
  if (kind === "unconfined") return "unconfined";
  return host.privileged ? undefined : defaultAppArmorProfile;
}

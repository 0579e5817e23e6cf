import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

/** A path of the host that a container sees. */
export interface HostVolume {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readonly: boolean;
}

/**
 * Reads `HOST:CONTAINER[:ro|rw]`. A relative host path is one below the working directory; one that does not exist is NotFound, since
 * a directory made for a mistyped name helps nobody. InvalidArgument for another form.
 */
export function parseVolume(text: string, exists: (path: string) => boolean = existsSync): HostVolume {
  const [host = "", containerPath = "", mode = "rw", ...more] = text.split(":");
  const doing = `reading --volume "${text}"`;
  if (host === "" || containerPath === "" || more.length > 0) {
    throw new StatusError(Code.InvalidArgument, `${doing}: expected HOST:CONTAINER[:ro]`);
  }
  if (!containerPath.startsWith("/")) {
    throw new StatusError(Code.InvalidArgument, `${doing}: "${containerPath}" is not an absolute path`);
  }
  if (mode !== "ro" && mode !== "rw") {
    throw new StatusError(Code.InvalidArgument, `${doing}: "${mode}" is not one of ro, rw`);
  }
  const hostPath = resolve(host);
  if (!exists(hostPath)) throw new StatusError(Code.NotFound, `${doing}: there is no "${hostPath}"`);
  return { hostPath, containerPath, readonly: mode === "ro" };
}

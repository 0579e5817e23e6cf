import { fromBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import { type RuncOptions, RuncOptionsSchema } from "@crib/wire/options";

import type { RuncTasksOptions } from "../types.ts";
import { findBinary } from "./find-binary.ts";

/** How the OCI runtime is called for one task. */
export interface RuntimeSettings {
  /** Absolute. */
  readonly binary: string;
  readonly root: string;
  readonly systemdCgroup: boolean;
  readonly noPivotRoot: boolean;
  readonly noNewKeyring: boolean;
  /** Owner of the standard streams of the task's processes; 0 and 0 leave them as they are. */
  readonly ioUid: number;
  readonly ioGid: number;
  /** Takes the sockets of terminals: a short path, since that of a socket may have 107 bytes, unix(7). */
  readonly consoleDir: string;
}

/** Where the sockets of terminals are. */
export function consoleDirectory(stateDir: string): string {
  return `${stateDir}/consoles`;
}

/**
 * What the service was configured with, and over it what the request of a task says, if it carries `containerd.runc.v1.Options`.
 * Options of other types are for other runtimes: InvalidArgument.
 */
export function runtimeSettings(options: RuncTasksOptions, any: Any | undefined): RuntimeSettings {
  const own = decode(any);
  return {
    binary: findBinary(own?.binaryName || (options.binary ?? "runc")),
    root: own?.root || options.root,
    systemdCgroup: own?.systemdCgroup === true || options.systemdCgroup === true,
    noPivotRoot: own?.noPivotRoot ?? false,
    noNewKeyring: own?.noNewKeyring ?? false,
    ioUid: own?.ioUid ?? 0,
    ioGid: own?.ioGid ?? 0,
    consoleDir: consoleDirectory(options.stateDir),
  };
}

function decode(any: Any | undefined): RuncOptions | undefined {
  if (any === undefined || any.typeUrl === "") return undefined;
  const doing = `reading runtime options "${any.typeUrl}"`;
  // Both the bare name and the one behind a host are about.
  if (any.typeUrl.split("/").at(-1) !== RuncOptionsSchema.typeName) {
    throw new StatusError(Code.InvalidArgument, `${doing}: not "${RuncOptionsSchema.typeName}"`);
  }
  try {
    return fromBinary(RuncOptionsSchema, any.value);
  } catch (error) {
    throw new StatusError(Code.InvalidArgument, `${doing}: ${(error as Error).message}`, { cause: error });
  }
}

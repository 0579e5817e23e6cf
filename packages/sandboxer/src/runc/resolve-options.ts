import { Code, StatusError } from "@crib/errdefs";

import type { RuncTasksOptions } from "./types.ts";

/** The options with their defaults. */
export type ResolvedOptions = Required<Omit<RuncTasksOptions, "binary" | "onEvent">> &
  Pick<RuncTasksOptions, "binary" | "onEvent">;

/** Sockets for terminals lie below it, and the path of a socket has at most 107 bytes, unix(7). */
const maximumStateDirBytes = 80;

/** InvalidArgument for directories that do not fit. */
export function resolveOptions(options: RuncTasksOptions): ResolvedOptions {
  const { root, stateDir } = options;
  for (const path of [root, stateDir]) {
    if (!path.startsWith("/")) throw new StatusError(Code.InvalidArgument, `serving tasks: "${path}" is not absolute`);
  }
  if (Buffer.byteLength(stateDir) > maximumStateDirBytes) {
    const why = `longer than ${maximumStateDirBytes} bytes`;
    throw new StatusError(Code.InvalidArgument, `serving tasks: state directory "${stateDir}" is ${why}`);
  }
  return {
    systemdCgroup: false,
    callTimeoutMs: 60_000,
    onDispose: "leave",
    log: () => undefined,
    ...options,
  };
}

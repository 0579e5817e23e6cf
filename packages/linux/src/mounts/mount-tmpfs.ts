import { MountFlag } from "./flags.ts";
import { mountSync } from "./mount-sync.ts";

/** How a tmpfs is to be. */
export interface TmpfsOptions {
  /** Limit in bytes. */
  readonly sizeBytes: number;
  /** Permission bits of its root. Default 0o1777, as /dev/shm needs it. */
  readonly mode?: number | undefined;
  /** Owner of its root. Default: the caller's effective ids. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** `MountFlag`s. Default NOSUID, NODEV and NOEXEC. */
  readonly flags?: number | undefined;
}

/** Mounts a tmpfs on an existing directory; never blocks. */
export function mountTmpfs(directory: string, options: TmpfsOptions): void {
  const { sizeBytes, mode = 0o1777, uid, gid, flags = MountFlag.NOSUID | MountFlag.NODEV | MountFlag.NOEXEC } = options;
  const owner = `${uid === undefined ? "" : `,uid=${uid}`}${gid === undefined ? "" : `,gid=${gid}`}`;
  const data = `mode=${mode.toString(8)},size=${sizeBytes}${owner}`;
  mountSync({ source: "tmpfs", target: directory, type: "tmpfs", flags, data });
}

/** Makes a mount private: what is mounted below it later is not seen elsewhere, and the other way round. */
export function makePrivate(mountPoint: string, options: { readonly recursive?: boolean } = {}): void {
  mountSync({ target: mountPoint, flags: MountFlag.PRIVATE | (options.recursive === true ? MountFlag.REC : 0) });
}

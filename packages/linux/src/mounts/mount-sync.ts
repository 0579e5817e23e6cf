import { check } from "../libc/errno-error.ts";
import { mount, umount2 } from "../libc/libc.ts";

/** What to mount where; the arguments of mount(2). */
export interface MountRequest {
  /** Device, directory or name. Default: "none". */
  readonly source?: string | undefined;
  readonly target: string;
  /** File system; not needed with BIND, REMOUNT, MOVE or a propagation flag. */
  readonly type?: string | undefined;
  /** `MountFlag`s. Default 0. */
  readonly flags?: number | undefined;
  /** Options of the file system, comma separated. */
  readonly data?: string | undefined;
}

/** What a mount call does, for messages. */
export function describeMount(request: MountRequest): string {
  return `mounting ${request.type ?? ""} "${request.source ?? "none"}" on "${request.target}"`.replace("  ", " ");
}

/** mount(2) on the calling thread. Only for what cannot block: tmpfs, and binds of local files that are known. */
export function mountSync(request: MountRequest): void {
  const { source = "none", target, type = null, flags = 0, data = null } = request;
  check(mount(source, target, type, flags, data), describeMount(request));
}

/** umount2(2) on the calling thread, never through a symbolic link when `UmountFlag.NOFOLLOW` is given. Only for what cannot block. */
export function umountSync(target: string, flags = 0): void {
  check(umount2(target, flags), `unmounting "${target}"`);
}

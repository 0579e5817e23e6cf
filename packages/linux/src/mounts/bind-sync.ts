import { constants } from "node:os";

import { check } from "../libc/errno-error.ts";
import { close, mount } from "../libc/libc.ts";
import { attachMount, cloneTree, MountAttribute, setMountAttributes } from "../libc/mount-api.ts";
import { MountFlag, UmountFlag } from "./flags.ts";
import { umountSync } from "./mount-sync.ts";

/** A directory to show at another place, without what is mounted below it. */
export interface BindRequest {
  readonly source: string;
  /** Existing. */
  readonly target: string;
  /** Default false. */
  readonly readOnly?: boolean | undefined;
  /** Descriptor of the user namespace as whose ids owners are shown; see `openUserns`. */
  readonly usernsFd?: number | undefined;
}

const { ENOSYS } = constants.errno;

/** What binding it does, for messages. */
export function describeBind({ source, target }: BindRequest): string {
  return `binding "${source}" to "${target}"`;
}

/** The same for kernels before 5.12, which have no id mappings: for a moment the mount can be written to. */
export function bindByMountCall(request: BindRequest): void {
  const { source, target, readOnly = false } = request;
  const doing = describeBind(request);
  check(mount(source, target, null, MountFlag.BIND, null), doing);
  if (!readOnly) return;
  const result = mount("none", target, null, MountFlag.REMOUNT | MountFlag.BIND | MountFlag.RDONLY, null);
  if (result < 0) umountSync(target, UmountFlag.DETACH | UmountFlag.NOFOLLOW);
  check(result, doing);
}

/** Binds a directory on the calling thread, which must be a worker; see `bind`. */
export function bindSync(request: BindRequest): void {
  const { source, target, readOnly = false, usernsFd } = request;
  const doing = describeBind(request);
  const isPlain = usernsFd === undefined;
  const attributes = (readOnly ? MountAttribute.RDONLY : 0) | (isPlain ? 0 : MountAttribute.IDMAP);
  const fd = cloneTree(source);
  if (fd === -ENOSYS && isPlain) return bindByMountCall(request);
  check(fd, doing);
  try {
    // All is set before anybody sees the mount.
    const result = attributes === 0 ? 0 : setMountAttributes(fd, attributes, usernsFd);
    if (result === -ENOSYS && isPlain) return bindByMountCall(request);
    check(result, doing);
    check(attachMount(fd, target), doing);
  } finally {
    close(fd);
  }
}

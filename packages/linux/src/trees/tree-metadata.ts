import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { chmod } from "./tree-calls.ts";
import { entryError, quotePath } from "./tree-error.ts";
import { fsetxattr, setxattr } from "./xattr-calls.ts";

/** An extended attribute, both bytes. */
export interface TreeXattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** A point in time: `nanoseconds` is 0 to 999,999,999 and counts upwards, also before 1970. */
export interface TreeTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** What a file has beside its content. */
export interface TreeMetadata {
  /** Permission, set-id and sticky bits. */
  readonly mode: number;
  /** 0 to 2^32 - 2, as are group ids. */
  readonly uid: number;
  readonly gid: number;
  readonly atime: TreeTime;
  readonly mtime: TreeTime;
  readonly xattrs: readonly TreeXattr[];
}

const { EOPNOTSUPP, EPERM } = constants.errno;
/** `XATTR_NAME_MAX` and `XATTR_SIZE_MAX`. */
const nameMax = 255;
const valueMax = 65_536;
export const defaultAcl = "system.posix_acl_default";
const xattrName = Buffer.alloc(nameMax + 1);
const fdPath = Buffer.alloc(32);

/**
 * Attributes that a tree from elsewhere must not bring: those by which overlayfs is told what a layer hides or redirects to, and labels of a
 * policy that is not this host's.
 */
function isForeign(name: string): boolean {
  return name.startsWith("trusted.overlay.") || name.startsWith("user.overlay.") || name === "security.selinux";
}

/** Not every file system and type of file has these; an image does not depend on them, but on capabilities it does. */
function isMissed(name: string, result: number): boolean {
  if (result === -EPERM) return name.startsWith("user.");
  return result === -EOPNOTSUPP && name !== "security.capability";
}

function setOne(target: number | Buffer, xattr: TreeXattr, path: Uint8Array): void {
  const { name, value } = xattr;
  const text = Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString("latin1");
  if (isForeign(text)) return;
  const doing = `setting an extended attribute of`;
  if (name.length === 0 || name.length > nameMax || value.length > valueMax || name.includes(0)) {
    throw new StatusError(Code.InvalidArgument, `${doing} ${quotePath(path)}: its name or value has a wrong length`);
  }
  xattrName.set(name);
  xattrName[name.length] = 0;
  const result = typeof target === "number" ? fsetxattr(target, xattrName, value) : setxattr(target, xattrName, value);
  if (result < 0 && !isMissed(text, result)) throw entryError(result, doing, path);
}

/** Sets extended attributes of an open file. Default ACLs are left to the caller, since what is made in a directory inherits them. */
export function setXattrs(fd: number, xattrs: readonly TreeXattr[], path: Uint8Array): void {
  for (const xattr of xattrs) if (!isDefaultAcl(xattr)) setOne(fd, xattr, path);
}

/** Whether new files of a directory inherit this attribute's permissions. */
export function isDefaultAcl(xattr: TreeXattr): boolean {
  return xattr.name.length === defaultAcl.length && Buffer.from(xattr.name).toString("latin1") === defaultAcl;
}

/** The path that leads to what a descriptor is open on, links and devices too. Valid until the next call. */
export function descriptorPath(fd: number): Buffer {
  fdPath.fill(0);
  fdPath.write(`/proc/self/fd/${fd}`);
  return fdPath;
}

/** As `setXattrs`, of a file that is open with O_PATH only. */
export function setPathXattrs(fd: number, xattrs: readonly TreeXattr[], path: Uint8Array): void {
  if (xattrs.length === 0) return;
  const target = descriptorPath(fd);
  for (const xattr of xattrs) setOne(target, xattr, path);
}

/** Sets the mode of a file that is open with O_PATH only; not of a link. */
export function setPathMode(fd: number, mode: number, path: Uint8Array): void {
  const result = chmod(descriptorPath(fd), mode);
  if (result < 0) throw entryError(result, "setting the mode of", path);
}

function putTime(times: Buffer, at: number, time: TreeTime): void {
  // Two halves of the 64 bits, since numbers are quicker than bigints.
  times.writeInt32LE(time.seconds | 0, at);
  times.writeInt32LE(Math.floor(time.seconds / 2 ** 32), at + 4);
  times.writeInt32LE(time.nanoseconds, at + 8);
}

const times = Buffer.alloc(32);

/** The argument of futimens(3). Valid until the next call. */
export function timesOf(atime: TreeTime, mtime: TreeTime): Buffer {
  putTime(times, 0, atime);
  putTime(times, 16, mtime);
  return times;
}

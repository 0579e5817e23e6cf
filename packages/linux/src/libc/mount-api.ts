import { type Call, declare } from "./libc.ts";

// The mount calls that work on descriptors (Linux 5.2, mount_setattr 5.12), which libc wraps only since glibc 2.36.

const path = "const char *";
const memory = "void *";

const openTreeCall: Call<[number: number, dirFd: number, path: string, flags: number]> = declare("syscall", "long", [
  "long",
  "int",
  path,
  "uint",
]);
const moveMountCall: Call<[number: number, fromFd: number, from: string, toFd: number, to: string, flags: number]> =
  declare("syscall", "long", ["long", "int", path, "int", path, "uint"]);
const fsopenCall: Call<[number: number, type: string, flags: number]> = declare("syscall", "long", [
  "long",
  path,
  "uint",
]);
const fsconfigCall: Call<
  [number: number, fd: number, command: number, key: string | null, value: string | null, aux: number]
> = declare("syscall", "long", ["long", "int", "uint", path, path, "int"]);
const fsmountCall: Call<[number: number, fd: number, flags: number, attributes: number]> = declare("syscall", "long", [
  "long",
  "int",
  "uint",
  "uint",
]);
const mountSetattrCall: Call<
  [number: number, dirFd: number, path: string, flags: number, attributes: Uint8Array, size: number]
> = declare("syscall", "long", ["long", "int", path, "uint", memory, "size_t"]);

/** As `dirFd`: relative paths start in the working directory. */
export const AT_FDCWD = -100;
/** The descriptor itself is meant, its path being empty. */
export const AT_EMPTY_PATH = 0x1000;
const closeOnExec = 0o2_000_000;

/** Commands of fsconfig(2). */
export const FsconfigCommand = { SET_FLAG: 0, SET_STRING: 1, SET_FD: 5, CREATE: 6 } as const;

/** MOUNT_ATTR_* of mount_setattr(2). */
export const MountAttribute = { RDONLY: 0x1, IDMAP: 0x10_0000 } as const;

/** `open_tree(AT_FDCWD, path, OPEN_TREE_CLONE)`: a copy of the mount seen from `path` down, attached nowhere; goes when closed. */
export function cloneTree(path: string): number {
  return openTreeCall(428, AT_FDCWD, path, 0x1 | closeOnExec);
}

/** `move_mount` of a mount that a descriptor is of to a path, which is not followed when it is a symbolic link. */
export function attachMount(mountFd: number, target: string): number {
  const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
  return moveMountCall(429, mountFd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
}

/** `fsopen(type)`: a file system to be configured. */
export function fsopen(type: string): number {
  return fsopenCall(430, type, 0x1);
}

/** `fsconfig(fd, command, key, value, aux)`; a string value of at most 255 bytes. */
export function fsconfig(
  fd: number,
  command: number,
  key: string | null = null,
  value: string | null = null,
  aux = 0,
): number {
  return fsconfigCall(431, fd, command, key, value, aux);
}

/** `fsmount(fd)`: a mount of the file system, attached nowhere; goes when closed. */
export function fsmount(fd: number): number {
  return fsmountCall(432, fd, 0x1, 0);
}

/** `mount_setattr` of the mount that a descriptor is of: sets `MountAttribute`s. */
export function setMountAttributes(mountFd: number, attributes: number, usernsFd = 0): number {
  const structure = Buffer.alloc(32);
  structure.writeBigUInt64LE(BigInt(attributes), 0);
  structure.writeBigUInt64LE(BigInt(usernsFd), 24);
  return mountSetattrCall(442, mountFd, "", AT_EMPTY_PATH, structure, structure.byteLength);
}

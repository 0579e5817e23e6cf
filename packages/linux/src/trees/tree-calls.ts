import { constants as fsConstants } from "node:fs";
import { constants } from "node:os";

import koffi from "koffi";

import { noteClosed, noteOpened } from "./descriptor-ledger.ts";

// These are called a few times for each file of a layer, so they take numbers and memory only: names are bytes that end with a NUL,
// which the caller keeps in one place. A result is zero or more, or the negative errno.

const library = koffi.load(null);
const memory = "void *";

type Bytes = Uint8Array;
const openatCall = library.func("openat", "int", ["int", memory, "int", "uint"]) as (
  dirFd: number,
  name: Bytes,
  flags: number,
  mode: number,
) => number;
const openat2Call = library.func("syscall", "long", ["long", "int", memory, memory, "size_t"]) as (
  number: number,
  dirFd: number,
  name: Bytes,
  how: Bytes,
  size: number,
) => number;
const closeCall = library.func("close", "int", ["int"]) as (fd: number) => number;
const writeCall = library.func("write", "long", ["int", memory, "size_t"]) as (
  fd: number,
  data: Bytes,
  length: number,
) => number;
const pwriteCall = library.func("pwrite", "long", ["int", memory, "size_t", "int64"]) as (
  fd: number,
  data: Bytes,
  length: number,
  offset: number,
) => number;
const ftruncateCall = library.func("ftruncate", "int", ["int", "int64"]) as (fd: number, size: number) => number;
const syncFileRangeCall = library.func("sync_file_range", "int", ["int", "int64", "int64", "uint"]) as (
  fd: number,
  offset: number,
  length: number,
  flags: number,
) => number;
const lseekCall = library.func("lseek", "int64", ["int", "int64", "int"]) as (
  fd: number,
  offset: bigint,
  whence: number,
) => number | bigint;
const mkdiratCall = library.func("mkdirat", "int", ["int", memory, "uint"]) as (
  dirFd: number,
  name: Bytes,
  mode: number,
) => number;
const unlinkatCall = library.func("unlinkat", "int", ["int", memory, "int"]) as (
  dirFd: number,
  name: Bytes,
  flags: number,
) => number;
const renameatCall = library.func("renameat", "int", ["int", memory, "int", memory]) as (
  fromFd: number,
  from: Bytes,
  toFd: number,
  to: Bytes,
) => number;
const linkatCall = library.func("linkat", "int", ["int", memory, "int", memory, "int"]) as (
  fromFd: number,
  from: Bytes,
  toFd: number,
  to: Bytes,
  flags: number,
) => number;
const symlinkatCall = library.func("symlinkat", "int", [memory, "int", memory]) as (
  target: Bytes,
  dirFd: number,
  name: Bytes,
) => number;
const readlinkatCall = library.func("readlinkat", "long", ["int", memory, memory, "size_t"]) as (
  dirFd: number,
  name: Bytes,
  target: Bytes,
  size: number,
) => number;
const mknodatCall = library.func("mknodat", "int", ["int", memory, "uint", "uint64"]) as (
  dirFd: number,
  name: Bytes,
  mode: number,
  device: number,
) => number;
const fchownatCall = library.func("fchownat", "int", ["int", memory, "uint", "uint", "int"]) as (
  dirFd: number,
  name: Bytes,
  uid: number,
  gid: number,
  flags: number,
) => number;
const fchownCall = library.func("fchown", "int", ["int", "uint", "uint"]) as (
  fd: number,
  uid: number,
  gid: number,
) => number;
const fchmodCall = library.func("fchmod", "int", ["int", "uint"]) as (fd: number, mode: number) => number;
const chmodCall = library.func("chmod", "int", [memory, "uint"]) as (path: Bytes, mode: number) => number;
const futimensCall = library.func("futimens", "int", ["int", memory]) as (fd: number, times: Bytes) => number;
const utimensatCall = library.func("utimensat", "int", ["int", memory, memory, "int"]) as (
  dirFd: number,
  name: Bytes,
  times: Bytes,
  flags: number,
) => number;
const statxCall = library.func("statx", "int", ["int", memory, "int", "uint", memory]) as (
  dirFd: number,
  name: Bytes,
  flags: number,
  mask: number,
  result: Bytes,
) => number;
const getdentsCall = library.func("syscall", "long", ["long", "int", memory, "size_t"]) as (
  number: number,
  fd: number,
  entries: Bytes,
  size: number,
) => number;
const getdentsNumber = process.arch === "x64" ? 217 : 61;
const openat2Number = 437;

/** `O_PATH` and `O_CLOEXEC`, which `fs.constants` lacks; the same on all architectures that Node runs on. */
export const O_PATH = 0o10_000_000;
export const O_CLOEXEC = 0o2_000_000;
/** What opens a directory, and only a directory. */
export const openDirectoryFlags: number =
  fsConstants.O_RDONLY | fsConstants.O_DIRECTORY | fsConstants.O_NOFOLLOW | O_CLOEXEC;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_EMPTY_PATH = 0x1000;
export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_IN_ROOT = 0x10;

const { EAGAIN, EINTR } = constants.errno;

function errno(): number {
  return -koffi.errno();
}

function opened(fd: number): number {
  if (fd < 0) return errno();
  noteOpened(fd);
  return fd;
}

export function openat(dirFd: number, name: Bytes, flags: number, mode: number): number {
  return opened(openatCall(dirFd, name, flags, mode));
}

/** The argument of openat2(2): flags, mode, and how to resolve. */
export function openHow(flags: number, resolve: number): Buffer {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags), 0);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  return how;
}

/** EAGAIN means that something was renamed meanwhile, openat2(2). Somebody could do that for ever. */
const maximumRetries = 64;

export function openat2(dirFd: number, name: Bytes, how: Bytes): number {
  for (let attempt = 0; ; attempt += 1) {
    const result = opened(openat2Call(openat2Number, dirFd, name, how, how.byteLength));
    if ((result !== -EAGAIN && result !== -EINTR) || attempt >= maximumRetries) return result;
  }
}

export function close(fd: number): void {
  noteClosed(fd);
  closeCall(fd);
}

export function write(fd: number, data: Bytes): number {
  const result = writeCall(fd, data, data.byteLength);
  return result < 0 ? errno() : result;
}

export function pwrite(fd: number, data: Bytes, offset: number): number {
  const result = pwriteCall(fd, data, data.byteLength, offset);
  return result < 0 ? errno() : result;
}

export function ftruncate(fd: number, size: number): number {
  return ftruncateCall(fd, size) < 0 ? errno() : 0;
}

/** Has the kernel begin to write a part of a file to its disk, SYNC_FILE_RANGE_WRITE of sync_file_range(2). A hint only. */
export function startWriteback(fd: number, offset: number, length: number): void {
  syncFileRangeCall(fd, offset, length, 2);
}

/** Sets the place where a directory is read on, which `getdents` told. */
export function seekDirectory(fd: number, place: bigint): number {
  return lseekCall(fd, place, 0) < 0 ? errno() : 0;
}

/** Where the next data (SEEK_DATA of lseek(2)) or the next hole (SEEK_HOLE) of a file begins. */
export function seekContent(fd: number, offset: number, what: "data" | "hole"): number {
  const result = lseekCall(fd, BigInt(offset), what === "data" ? 3 : 4);
  return result < 0 ? errno() : Number(result);
}

export function mkdirat(dirFd: number, name: Bytes, mode: number): number {
  return mkdiratCall(dirFd, name, mode) < 0 ? errno() : 0;
}

export function unlinkat(dirFd: number, name: Bytes, flags: number): number {
  return unlinkatCall(dirFd, name, flags) < 0 ? errno() : 0;
}

export function renameat(fromFd: number, from: Bytes, toFd: number, to: Bytes): number {
  return renameatCall(fromFd, from, toFd, to) < 0 ? errno() : 0;
}

export function linkat(fromFd: number, from: Bytes, toFd: number, to: Bytes): number {
  return linkatCall(fromFd, from, toFd, to, 0) < 0 ? errno() : 0;
}

export function symlinkat(target: Bytes, dirFd: number, name: Bytes): number {
  return symlinkatCall(target, dirFd, name) < 0 ? errno() : 0;
}

export function readlinkat(dirFd: number, name: Bytes, target: Bytes): number {
  const result = readlinkatCall(dirFd, name, target, target.byteLength);
  return result < 0 ? errno() : result;
}

export function mknodat(dirFd: number, name: Bytes, mode: number, device: number): number {
  return mknodatCall(dirFd, name, mode, device) < 0 ? errno() : 0;
}

export function fchownat(dirFd: number, name: Bytes, uid: number, gid: number, flags: number): number {
  return fchownatCall(dirFd, name, uid, gid, flags) < 0 ? errno() : 0;
}

export function fchown(fd: number, uid: number, gid: number): number {
  return fchownCall(fd, uid, gid) < 0 ? errno() : 0;
}

export function fchmod(fd: number, mode: number): number {
  return fchmodCall(fd, mode) < 0 ? errno() : 0;
}

export function chmod(path: Bytes, mode: number): number {
  return chmodCall(path, mode) < 0 ? errno() : 0;
}

export function futimens(fd: number, times: Bytes): number {
  return futimensCall(fd, times) < 0 ? errno() : 0;
}

export function utimensat(dirFd: number, name: Bytes, times: Bytes, flags: number): number {
  return utimensatCall(dirFd, name, times, flags) < 0 ? errno() : 0;
}

export function statx(dirFd: number, name: Bytes, flags: number, mask: number, result: Bytes): number {
  return statxCall(dirFd, name, flags, mask, result) < 0 ? errno() : 0;
}

export function getdents(fd: number, entries: Bytes): number {
  const result = getdentsCall(getdentsNumber, fd, entries, entries.byteLength);
  return result < 0 ? errno() : result;
}

import koffi from "koffi";

// As the tree calls: bytes that end with a NUL for names and paths; zero or more, or the negative errno.

const library = koffi.load(null);
const memory = "void *";

type Bytes = Uint8Array;
const setxattrCall = library.func("setxattr", "int", [memory, memory, memory, "size_t", "int"]) as (
  path: Bytes,
  name: Bytes,
  value: Bytes,
  size: number,
  flags: number,
) => number;
const lsetxattrCall = library.func("lsetxattr", "int", [
  memory,
  memory,
  memory,
  "size_t",
  "int",
]) as typeof setxattrCall;
const getxattrCall = library.func("getxattr", "long", [memory, memory, memory, "size_t"]) as (
  path: Bytes,
  name: Bytes,
  value: Bytes,
  size: number,
) => number;
const listxattrCall = library.func("listxattr", "long", [memory, memory, "size_t"]) as (
  path: Bytes,
  list: Bytes,
  size: number,
) => number;
const fremovexattrCall = library.func("fremovexattr", "int", ["int", memory]) as (fd: number, name: Bytes) => number;
const fsetxattrCall = library.func("fsetxattr", "int", ["int", memory, memory, "size_t", "int"]) as (
  fd: number,
  name: Bytes,
  value: Bytes,
  size: number,
  flags: number,
) => number;

function errno(): number {
  return -koffi.errno();
}

export function setxattr(path: Bytes, name: Bytes, value: Bytes): number {
  return setxattrCall(path, name, value, value.byteLength, 0) < 0 ? errno() : 0;
}

/** Of a link itself. */
export function lsetxattr(path: Bytes, name: Bytes, value: Bytes): number {
  return lsetxattrCall(path, name, value, value.byteLength, 0) < 0 ? errno() : 0;
}

export function fsetxattr(fd: number, name: Bytes, value: Bytes): number {
  return fsetxattrCall(fd, name, value, value.byteLength, 0) < 0 ? errno() : 0;
}

export function getxattr(path: Bytes, name: Bytes, value: Bytes): number {
  const result = getxattrCall(path, name, value, value.byteLength);
  return result < 0 ? errno() : result;
}

export function listxattr(path: Bytes, list: Bytes): number {
  const result = listxattrCall(path, list, list.byteLength);
  return result < 0 ? errno() : result;
}

export function fremovexattr(fd: number, name: Bytes): number {
  return fremovexattrCall(fd, name) < 0 ? errno() : 0;
}

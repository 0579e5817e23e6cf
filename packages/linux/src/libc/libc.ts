import { constants } from "node:os";

import koffi from "koffi";

/** What may be handed to libc: numbers, paths, lists of strings that end with a null, and memory that the call reads or writes. */
type Argument = number | string | readonly (string | null)[] | Uint8Array | null;
/** A libc function; see `declare` for its result. */
export type Call<Arguments extends readonly Argument[]> = (...args: Arguments) => number;

// The symbols of the running process: glibc and musl alike, without naming a library file.
const library = koffi.load(null);

/**
 * Declares one libc function. The result is the kernel's own convention, whatever libc does: zero or more on success,
 * the negative errno on failure. Calls are synchronous, on the calling thread: that is what `unshare` and `setns` need.
 * Throws when libc has no such function.
 */
export function declare<const Arguments extends readonly Argument[]>(
  name: string,
  result: string,
  parameters: string[],
): Call<Arguments> {
  const call = library.func(name, result, parameters) as (...args: readonly Argument[]) => number;
  return (...args) => {
    // A NUL would end the C string early, so that another path than the one given would be used.
    if (args.flat().some((argument) => typeof argument === "string" && argument.includes("\0")))
      return -constants.errno.EINVAL;
    const value = call(...args);
    return value < 0 ? -koffi.errno() : value;
  };
}

const path = "const char *";
const memory = "void *";

/** `unshare(flags)`; see namespaces(7). */
export const unshare: Call<[flags: number]> = declare("unshare", "int", ["int"]);
/** `setns(fd, flags)`. */
export const setns: Call<[fd: number, flags: number]> = declare("setns", "int", ["int", "int"]);
/** `sethostname(name, bytes)`. */
export const sethostname: Call<[name: Uint8Array, length: number]> = declare("sethostname", "int", [memory, "size_t"]);
/** `mount(source, target, type, flags, data)`. */
export const mount: Call<[source: string, target: string, type: string | null, flags: number, data: string | null]> =
  declare("mount", "int", [path, path, path, "ulong", path]);
/** `umount2(target, flags)`. */
export const umount2: Call<[target: string, flags: number]> = declare("umount2", "int", [path, "int"]);
/** `chdir(path)`; of the calling thread alone once it has unshared its file system attributes. */
export const chdir: Call<[path: string]> = declare("chdir", "int", [path]);
/** `socket(domain, type, protocol)`. */
export const socket: Call<[domain: number, type: number, protocol: number]> = declare("socket", "int", [
  "int",
  "int",
  "int",
]);
/** `connect(fd, address, length)`. */
export const connect: Call<[fd: number, address: Uint8Array, length: number]> = declare("connect", "int", [
  "int",
  memory,
  "uint",
]);
/** `socketpair(domain, type, protocol, fds)`; two ints are written. */
export const socketpair: Call<[domain: number, type: number, protocol: number, fds: Uint8Array]> = declare(
  "socketpair",
  "int",
  ["int", "int", "int", memory],
);
/** `dup3(from, to, flags)`: `to` is closed first when it is open. */
export const dup3: Call<[from: number, to: number, flags: number]> = declare("dup3", "int", ["int", "int", "int"]);
/** `getsockopt(fd, level, name, value, length)`. */
export const getsockopt: Call<[fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array]> =
  declare("getsockopt", "int", ["int", "int", "int", memory, memory]);
/** `ioctl(fd, request, argument)`; libc's is variadic, which makes no difference for a pointer on Linux' ABIs. */
export const ioctl: Call<[fd: number, request: number, argument: Uint8Array]> = declare("ioctl", "int", [
  "int",
  "ulong",
  memory,
]);
/** `poll(fds, count, timeoutMs)`. */
export const poll: Call<[fds: Uint8Array, count: number, timeoutMs: number]> = declare("poll", "int", [
  memory,
  "ulong",
  "int",
]);
/** `mkfifo(path, mode)`; the mode is reduced by the umask. */
export const mkfifo: Call<[path: string, mode: number]> = declare("mkfifo", "int", [path, "uint"]);
/** `mkdirat(dirfd, path, mode)`; the mode is reduced by the umask. */
export const mkdirat: Call<[dirFd: number, path: string, mode: number]> = declare("mkdirat", "int", [
  "int",
  path,
  "uint",
]);
/** `pipe2(fds, flags)`; two ints are written. */
export const pipe2: Call<[fds: Uint8Array, flags: number]> = declare("pipe2", "int", [memory, "int"]);
/** `memfd_create(name, flags)`. */
export const memfdCreate: Call<[name: string, flags: number]> = declare("memfd_create", "int", [path, "uint"]);
/** `waitpid(pid, status, options)`; an int is written. */
export const waitpid: Call<[pid: number, status: Uint8Array, options: number]> = declare("waitpid", "int", [
  "int",
  memory,
  "int",
]);
/** `waitid(type, id, info, options)`; a `siginfo_t` of 128 bytes is written. */
export const waitid: Call<[type: number, id: number, info: Uint8Array, options: number]> = declare("waitid", "int", [
  "int",
  "uint",
  memory,
  "int",
]);
/** `prctl(option, ...)`; libc's is variadic, which makes no difference for integers on Linux' ABIs. */
export const prctl: Call<[option: number, arg2: number, arg3: number, arg4: number, arg5: number]> = declare(
  "prctl",
  "int",
  ["int", "ulong", "ulong", "ulong", "ulong"],
);
/** `fcntl(fd, command, argument)`; variadic as `prctl`. */
export const fcntl: Call<[fd: number, command: number, argument: number]> = declare("fcntl", "int", [
  "int",
  "int",
  "long",
]);
/** `flock(fd, operation)`. */
export const flock: Call<[fd: number, operation: number]> = declare("flock", "int", ["int", "int"]);

/** `close(fd)`: for descriptors that did not come from `node:fs`, which would warn on a worker. */
export const close: Call<[fd: number]> = declare("close", "int", ["int"]);

/** `_exit(code)`: ends all threads; never returns. */
export const exit: Call<[code: number]> = declare("_exit", "int", ["int"]);

const pidfdOpenCall: Call<[number: number, pid: number, flags: number]> = declare("syscall", "long", [
  "long",
  "int",
  "uint",
]);
const pidfdSendSignalCall: Call<[number: number, fd: number, signal: number, info: null, flags: number]> = declare(
  "syscall",
  "long",
  ["long", "int", "int", memory, "uint"],
);
const openat2Call: Call<[number: number, dirFd: number, path: string, how: Uint8Array, size: number]> = declare(
  "syscall",
  "long",
  ["long", "int", path, memory, "size_t"],
);

const setresuidCall: Call<[number: number, real: number, effective: number, saved: number]> = declare(
  "syscall",
  "long",
  ["long", "int", "int", "int"],
);
const setresuidNumbers: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 117, arm64: 147, riscv64: 147 };

// System calls without a libc wrapper everywhere. Since Linux 5.0 new calls have one number on all architectures.

/** `pidfd_open(pid, flags)`, Linux 5.3; the descriptor is close-on-exec. */
export function pidfdOpen(pid: number): number {
  return pidfdOpenCall(434, pid, 0);
}

/** `pidfd_send_signal(fd, signal)`, Linux 5.1. */
export function pidfdSendSignal(fd: number, signal: number): number {
  return pidfdSendSignalCall(424, fd, signal, null, 0);
}

/** `openat2(dirfd, path, how)`, Linux 5.6. */
export function openat2(dirFd: number, name: string, how: Uint8Array): number {
  return openat2Call(437, dirFd, name, how, how.byteLength);
}

/** `setresuid` of the calling thread alone; libc's function would change every thread. -1 leaves an id as it is. */
export function setresuid(real: number, effective: number, saved: number): number {
  const number = setresuidNumbers[process.arch];
  return number === undefined ? -constants.errno.ENOSYS : setresuidCall(number, real, effective, saved);
}

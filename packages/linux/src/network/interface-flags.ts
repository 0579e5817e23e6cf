import { closeSync } from "node:fs";

import { check } from "../libc/errno-error.ts";
import { ioctl, socket } from "../libc/libc.ts";

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;
/** `struct ifreq` on 64-bit Linux: 16 bytes of name, then a union whose first member here is `short ifr_flags`. */
const ifreqBytes = 40;
const flagsOffset = 16;

/** Sets an interface of the calling thread's network namespace up or down, netdevice(7). `doing` is for the error. */
export function setInterfaceUp(name: string, isUp: boolean, doing: string): void {
  withNetworkSocket(doing, (fd) => {
    const request = interfaceRequest(name);
    check(ioctl(fd, SIOCGIFFLAGS, request), doing);
    const flags = request.readUInt16LE(flagsOffset);
    request.writeUInt16LE(isUp ? flags | IFF_UP : flags & ~IFF_UP, flagsOffset);
    check(ioctl(fd, SIOCSIFFLAGS, request), doing);
  });
}

/** A zeroed `struct ifreq` with this name; at most 15 bytes, or the kernel sees another name. */
export function interfaceRequest(name: string): Buffer {
  const request = Buffer.alloc(ifreqBytes);
  request.write(name);
  return request;
}

/** Calls `use` with a socket to configure interfaces by, and closes it. */
export function withNetworkSocket(doing: string, use: (fd: number) => void): void {
  const fd = check(socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), doing);
  try {
    use(fd);
  } finally {
    closeSync(fd);
  }
}

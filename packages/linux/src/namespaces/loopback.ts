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

/** Sets `lo` of the calling thread's network namespace up; the kernel then gives it 127.0.0.1 and ::1. Idempotent. */
export function bringLoopbackUp(): void {
  const doing = 'bringing up interface "lo"';
  const fd = check(socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), doing);
  try {
    const request = Buffer.alloc(ifreqBytes);
    request.write("lo");
    check(ioctl(fd, SIOCGIFFLAGS, request), doing);
    request.writeUInt16LE(request.readUInt16LE(flagsOffset) | IFF_UP, flagsOffset);
    check(ioctl(fd, SIOCSIFFLAGS, request), doing);
  } finally {
    closeSync(fd);
  }
}

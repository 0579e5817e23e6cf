import { closeSync, readdirSync, readFileSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";

import { check } from "../libc/errno-error.ts";
import { ioctl, socket } from "../libc/libc.ts";

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCBRDELBR = 0x89a1;
const IFF_UP = 1;
/** `struct ifreq` on 64-bit Linux: 16 bytes of name, then a union whose first member here is `short ifr_flags`. */
const ifreqBytes = 40;
const flagsOffset = 16;
const maxNameBytes = 15;

/**
 * Removes a bridge of the host that has no port and an address of zero: the state of one whose address was never set
 * and whose last port is gone. Gives whether there was such a one. Any other interface, or none, is left alone.
 */
export function removeDeadBridge(name: string): boolean {
  if (name === "" || Buffer.byteLength(name) > maxNameBytes || /[/\s\0]/.test(name) || name.startsWith(".")) {
    throw new StatusError(Code.InvalidArgument, `removing a dead bridge: "${name}" is no interface name`);
  }
  if (!isDeadBridge(name)) return false;
  const doing = `removing the dead bridge "${name}"`;
  const fd = check(socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), doing);
  try {
    const request = Buffer.alloc(ifreqBytes);
    request.write(name);
    check(ioctl(fd, SIOCGIFFLAGS, request), doing);
    // A bridge that is up cannot be deleted (br_del_bridge in net/bridge/br_if.c).
    request.writeUInt16LE(request.readUInt16LE(flagsOffset) & ~IFF_UP, flagsOffset);
    check(ioctl(fd, SIOCSIFFLAGS, request), doing);
    check(ioctl(fd, SIOCBRDELBR, request), doing);
    return true;
  } finally {
    closeSync(fd);
  }
}

function isDeadBridge(name: string): boolean {
  try {
    const ports = readdirSync(`/sys/class/net/${name}/brif`);
    return ports.length === 0 && readFileSync(`/sys/class/net/${name}/address`, "utf8").trim() === "00:00:00:00:00:00";
  } catch (reason) {
    // No such interface, or one that is no bridge.
    if (["ENOENT", "ENOTDIR"].includes((reason as NodeJS.ErrnoException).code ?? "")) return false;
    throw StatusError.from(reason, `looking at interface "${name}"`);
  }
}

import { readdirSync, readFileSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";

import { check } from "../libc/errno-error.ts";
import { ioctl } from "../libc/libc.ts";
import { interfaceRequest, setInterfaceUp, withNetworkSocket } from "./interface-flags.ts";

const SIOCBRDELBR = 0x89a1;
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
  // A bridge that is up cannot be deleted (br_del_bridge in net/bridge/br_if.c).
  setInterfaceUp(name, false, doing);
  withNetworkSocket(doing, (fd) => check(ioctl(fd, SIOCBRDELBR, interfaceRequest(name)), doing));
  return true;
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

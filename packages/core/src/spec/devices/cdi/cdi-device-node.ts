import { lstat, realpath } from "node:fs/promises";

import { Code, StatusError } from "@crib/errdefs";
import type { LinuxDevice, User } from "@crib/oci-spec";

import { type DeviceEntry, findDevice } from "../host-devices.ts";
import type { CdiDeviceNode } from "./cdi-spec.ts";

/**
 * The device node that a specification asks for; what it does not say is looked up at the host's node, except for the owner, who is the
 * container's user. NotFound; InvalidArgument for what is no device.
 */
export async function cdiDeviceNode(node: CdiDeviceNode, user: User | undefined): Promise<DeviceEntry> {
  const { path, permissions, fileMode } = node;
  const found = await known(node);
  const uid = node.uid ?? (user !== undefined && user.uid > 0 ? user.uid : undefined);
  const gid = node.gid ?? (user !== undefined && user.gid > 0 ? user.gid : undefined);
  const device: LinuxDevice = {
    ...found,
    path,
    ...(fileMode === undefined ? {} : { fileMode }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  };
  return { device, permissions: permissions === undefined || permissions === "" ? "rwm" : permissions };
}

/** Type and number as given, else those of the host's node; the mode is then that of the host's node, too. */
async function known({ path, hostPath = path, type, major, minor }: CdiDeviceNode): Promise<LinuxDevice> {
  if (type === "p") return { path, type };
  if (type !== undefined && major !== undefined) return { path, type, major, minor: minor ?? 0 };
  const doing = `adding device node "${hostPath}"`;
  try {
    const real = await realpath(hostPath);
    if ((await lstat(real)).isFIFO()) return { path, type: "p" };
    const found = await findDevice(real, path);
    if (found === undefined) throw new StatusError(Code.InvalidArgument, "it is a directory");
    if (type !== undefined && type !== "u" && type !== found.type) {
      throw new StatusError(Code.InvalidArgument, `its type is "${found.type}", not "${type}"`);
    }
    const { uid: _uid, gid: _gid, ...rest } = found;
    return rest;
  } catch (reason) {
    throw StatusError.from(reason, doing);
  }
}

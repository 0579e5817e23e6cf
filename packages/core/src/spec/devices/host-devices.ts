import { lstat, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { DeviceRule, LinuxDevice } from "@crib/oci-spec";

import type { DeviceRequest } from "../../containers/types.ts";
import { cleanContainerPath } from "../mounts/container-path.ts";
import { deviceNumber } from "./device-number.ts";

/** A device and what a container may do with it. */
export interface DeviceEntry {
  readonly device: LinuxDevice;
  readonly permissions: string;
}

/** Directories of /dev that hold no devices of the host, but terminals and memory of its users, or a container manager's own. */
const passedDirectories: ReadonlySet<string> = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"]);
/** A directory of devices is shallow; links are not followed, so this only bounds what is odd. */
const maximumDepth = 16;

/** The devices that a request names: one, or all below a directory. Links are resolved. InvalidArgument; NotFound. */
export async function deviceEntries(request: DeviceRequest): Promise<readonly DeviceEntry[]> {
  const { hostPath, permissions } = request;
  const doing = `adding device "${hostPath}"`;
  const containerPath = cleanContainerPath(request.containerPath === "" ? hostPath : request.containerPath, doing);
  if (!/^(?!.*(.).*\1)[rwm]{1,3}$/.test(permissions)) {
    throw new StatusError(Code.InvalidArgument, `${doing}: permissions "${permissions}" are not some of "rwm"`);
  }
  if (!hostPath.startsWith("/") || hostPath.includes("\0")) {
    throw new StatusError(Code.InvalidArgument, `${doing}: not an absolute path`);
  }
  try {
    const path = await realpath(hostPath);
    const device = await findDevice(path, containerPath);
    const found = device === undefined ? await devicesBelow(path, containerPath) : [device];
    return found.map((each) => ({ device: each, permissions }));
  } catch (reason) {
    throw StatusError.from(reason, doing);
  }
}

/** All devices of the host, at the places that they have there. */
export async function hostDevices(): Promise<readonly LinuxDevice[]> {
  return await devicesBelow("/dev", "/dev");
}

/** What of a device's cgroup a container may use. */
export function ruleOf({ type, major, minor }: LinuxDevice, access: string): DeviceRule {
  const numbers = { ...(major === undefined ? {} : { major }), ...(minor === undefined ? {} : { minor }) };
  return { allow: true, ...(type === "c" || type === "b" ? { type } : {}), ...numbers, access };
}

/** Undefined for a directory. InvalidArgument for what is no device. */
export async function findDevice(path: string, containerPath: string): Promise<LinuxDevice | undefined> {
  const status = await lstat(path);
  if (status.isDirectory()) return undefined;
  const type = status.isCharacterDevice() ? "c" : status.isBlockDevice() ? "b" : undefined;
  if (type === undefined) throw new StatusError(Code.InvalidArgument, `"${path}" is no device`);
  const { mode, uid, gid, rdev } = status;
  return { path: containerPath, type, ...deviceNumber(rdev), fileMode: mode & 0o7777, uid, gid };
}

async function devicesBelow(directory: string, containerPath: string, depth = 0): Promise<readonly LinuxDevice[]> {
  if (depth >= maximumDepth) return [];
  const entries = await readdir(directory, { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry): Promise<readonly LinuxDevice[]> => {
      const [from, to] = [join(directory, entry.name), join(containerPath, entry.name)];
      if (entry.isDirectory()) return passedDirectories.has(entry.name) ? [] : await devicesBelow(from, to, depth + 1);
      const isDevice = entry.isCharacterDevice() || entry.isBlockDevice();
      if (!isDevice || entry.name === "console") return [];
      const device = await findDevice(from, to).catch(passVanished);
      return device === undefined ? [] : [device];
    }),
  );
  return found.flat();
}

/** Devices come and go while others are looked at. */
function passVanished(reason: unknown): undefined {
  if (!hasCode(StatusError.from(reason), Code.NotFound)) throw reason;
}

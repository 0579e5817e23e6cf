import type { DeviceRequest } from "@crib/core/containers";
import type { CDIDevice, Device } from "@crib/wire/cri";

import { checkMountPath } from "../values/absolute-path.ts";
import { invalid, quote } from "../values/invalid.ts";
import { checkCount, checkText } from "../values/text.ts";

const maxDevices = 4_096;

/** The host devices of a container. */
export function checkDevices(devices: readonly Device[]): DeviceRequest[] {
  const field = "config.devices";
  checkCount(field, devices.length, maxDevices);
  return devices.map(({ containerPath, hostPath, permissions }, index) => {
    const where = `${field}[${index}]`;
    if (!/^[rwm]{1,3}$/.test(permissions) || new Set(permissions).size !== permissions.length) {
      throw invalid(`${where}.permissions`, `${quote(permissions)} must be one to three of "r", "w", "m"`);
    }
    return {
      containerPath: checkMountPath(`${where}.container_path`, containerPath),
      hostPath: checkMountPath(`${where}.host_path`, hostPath),
      permissions,
    };
  });
}

const cdiName = {
  maxBytes: 512,
  pattern:
    /^[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?\/[A-Za-z](?:[A-Za-z0-9_-]*[A-Za-z0-9])?=[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?$/,
  form: "a name like vendor.com/class=device",
};

/** The fully qualified names of devices of the Container Device Interface. */
export function checkCdiDevices(devices: readonly CDIDevice[]): string[] {
  checkCount("config.CDI_devices", devices.length, maxDevices);
  return devices.map(({ name }, index) => checkText(`config.CDI_devices[${index}].name`, name, cdiName));
}

import type { DeviceRule, LinuxDevice } from "@crib/oci-spec";

import type { SpecInput } from "../types.ts";
import { defaultDeviceRules } from "./default-device-rules.ts";
import { deviceEntries, hostDevices, ruleOf } from "./host-devices.ts";

/**
 * The device nodes that the runtime makes in a container and the complete list of its device cgroup. InvalidArgument for a device
 * that is asked for and is none; NotFound for one that is not there.
 */
export async function containerDevices(
  input: SpecInput,
): Promise<{ devices: readonly LinuxDevice[]; rules: readonly DeviceRule[] }> {
  const { devices: requests, security } = input.plan;
  const requested = (await Promise.all(requests.map(deviceEntries))).flat();
  const devices = requested.map(({ device }) => device);
  const rules = requested.map(({ device, permissions }) => ruleOf(device, permissions));
  if (!security.privileged || input.options.privilegedWithoutHostDevices) {
    return { devices: lastOfEachPath(devices), rules: [...defaultDeviceRules, ...rules] };
  }
  const all = await hostDevices();
  return { devices: lastOfEachPath([...all, ...devices]), rules: [{ allow: true, access: "rwm" }] };
}

/** A later device takes the place of an earlier one, since only one can be there. */
function lastOfEachPath(devices: readonly LinuxDevice[]): readonly LinuxDevice[] {
  return [...new Map(devices.map((device) => [device.path, device])).values()];
}

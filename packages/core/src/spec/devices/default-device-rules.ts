import type { DeviceRule } from "@crib/oci-spec";

function character(major: number, minor?: number): DeviceRule {
  return { allow: true, type: "c", major, ...(minor === undefined ? {} : { minor }), access: "rwm" };
}

/** Nothing but the devices that every container has (config-linux.md, "Default Devices"), and pseudo-terminals. */
export const defaultDeviceRules: readonly DeviceRule[] = [
  { allow: false, access: "rwm" },
  character(1, 3), // null
  character(1, 5), // zero
  character(1, 7), // full
  character(1, 8), // random
  character(1, 9), // urandom
  character(5, 0), // tty
  character(5, 1), // console
  character(5, 2), // ptmx
  character(136), // pts
];

import { statSync } from "node:fs";

/** Which device the node at a path is. */
export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** The number of a device of the host (makedev(3)). */
export function deviceNumberOf(path: string): DeviceNumber {
  const { rdev } = statSync(path, { bigint: true });
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffff_ffffn)),
  };
}

import { Code, StatusError } from "@crib/errdefs";

import { quotePath } from "./tree-error.ts";

/**
 * The number of a device as mknod(2) takes it; see makedev(3). InvalidArgument beyond the 12 and 20 bits that the kernel keeps; within,
 * the number has no more than 32.
 */
export function deviceOf(major: number, minor: number, path: Uint8Array): number {
  const isInRange = major >= 0 && major <= 0xfff && minor >= 0 && minor <= 0xf_ffff;
  if (isInRange) return major * 256 + (minor & 0xff) + Math.floor(minor / 256) * 2 ** 20;
  throw new StatusError(Code.InvalidArgument, `making special file ${quotePath(path)}: no device ${major}:${minor}`);
}

/** Major and minor number from what stat(2) gives, as glibc's makedev(3) lays them out. */
export function deviceNumber(device: number): { readonly major: number; readonly minor: number } {
  const bits = BigInt(device);
  const major = ((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xffff_f000n);
  const minor = (bits & 0xffn) | ((bits >> 12n) & 0xffff_ff00n);
  return { major: Number(major), minor: Number(minor) };
}

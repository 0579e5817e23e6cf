const units = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Bytes for people: three digits and a decimal unit, as crictl writes them (`4.26MB`). */
export function formatBytes(bytes: number | bigint): string {
  let value = Number(bytes);
  let unit = 0;
  while (Number(value.toPrecision(3)) >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(3))}${units[unit]}`;
}

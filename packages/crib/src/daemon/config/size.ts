const units = ["B", "KiB", "MiB", "GiB", "TiB"];
const pattern = /^(?<count>0|[1-9]\d{0,8})(?<unit>B|KiB|MiB|GiB|TiB)$/;

/** Bytes of a text such as `512B`, `64KiB`, `4MiB`, `64GiB`; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const groups = pattern.exec(text)?.groups;
  if (!groups) return undefined;
  const bytes = Number(groups["count"]) * 1024 ** units.indexOf(groups["unit"] ?? "");
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest text that `parseSize` reads as these bytes. */
export function formatSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size > 0 && size % 1024 === 0 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${size}${units[unit]}`;
}

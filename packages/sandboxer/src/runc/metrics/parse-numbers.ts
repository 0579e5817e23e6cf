/** Reads `name value` lines. */
export function parseKeyed(text: string | undefined): ReadonlyMap<string, bigint> {
  const pairs = (text ?? "").matchAll(/^(\S+) (\d+)$/gm);
  return new Map([...pairs].map(([, name = "", value = "0"]) => [name, BigInt(value)]));
}

/** Reads a number that is alone in its file. 0 when there is none, `max` when the file says that there is no limit. */
export function parseNumber(text: string | undefined, max = 0n): bigint {
  const word = text?.trim() ?? "";
  if (word === "max") return max;
  return /^\d+$/.test(word) ? BigInt(word) : 0n;
}

/** Reads the numbers of a line. */
export function parseNumbers(text: string | undefined): bigint[] {
  return (text ?? "")
    .split(/\s+/)
    .filter((word) => /^\d+$/.test(word))
    .map(BigInt);
}

/** Reads `name value` lines. */
export function parseFlatKeyed(text: string): Map<string, bigint> {
  const values = new Map<string, bigint>();
  for (const line of text.split("\n")) {
    const [name, value] = line.split(" ");
    if (name !== undefined && value !== undefined && /^[0-9]+$/.test(value)) values.set(name, BigInt(value));
  }
  return values;
}

/** What a configuration file of a test may hold. */
export type TomlValue =
  | string
  | number
  | boolean
  | readonly TomlValue[]
  | { readonly [key: string]: TomlValue | undefined };

/** The text of a TOML document. Strings of JSON are strings of TOML, so only tables need more than that. */
export function toToml(document: Readonly<Record<string, TomlValue | undefined>>): string {
  return Object.entries(document)
    .filter((entry) => entry[1] !== undefined)
    .map(([key, value]) => `${JSON.stringify(key)} = ${inline(value)}\n`)
    .join("");
}

function inline(value: TomlValue | undefined): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const entries = Object.entries(value).filter((entry) => entry[1] !== undefined);
  return `{ ${entries.map(([key, one]) => `${JSON.stringify(key)} = ${inline(one)}`).join(", ")} }`;
}

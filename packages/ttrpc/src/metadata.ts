import type { MetadataEntries } from "./types.ts";

/** The entries to send: lower-case keys, the client's own first, without those whose key the call gives itself. */
export function mergeMetadata(
  own: MetadataEntries | undefined,
  call: MetadataEntries | undefined,
): readonly (readonly [string, string])[] {
  const entries = lowerCase(call);
  const given = new Set(entries.map(([key]) => key));
  return [...lowerCase(own).filter(([key]) => !given.has(key)), ...entries];
}

function lowerCase(entries: MetadataEntries | undefined): (readonly [string, string])[] {
  return Array.from(entries ?? [], ([key, value]) => [key.toLowerCase(), value] as const);
}

/** Received entries by key. */
export function groupMetadata(entries: MetadataEntries): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const [key, value] of lowerCase(entries)) {
    const values = groups.get(key);
    if (values === undefined) groups.set(key, [value]);
    else values.push(value);
  }
  return groups;
}

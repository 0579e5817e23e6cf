import type { DescMessage } from "@bufbuild/protobuf";

/**
 * Fills the numbers of a message whose fields are named as the kernel names its counters, or as `rename` says: names of fields in
 * TypeScript, with their values. Counters that the kernel does not have are left out.
 */
export function fillMessage(
  schema: DescMessage,
  values: ReadonlyMap<string, bigint>,
  rename: (name: string) => string = (name) => name,
): Record<string, bigint> {
  const filled: Record<string, bigint> = {};
  for (const { name, localName } of schema.fields) {
    const value = values.get(rename(name));
    if (value !== undefined) filled[localName] = value;
  }
  return filled;
}

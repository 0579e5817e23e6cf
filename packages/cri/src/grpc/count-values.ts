import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** Messages are nested less deep than this in all services; what is deeper is decoded, and refused, by the library. */
const maxDepth = 32;

/**
 * How many values a message has, all that it contains included, without making any of them: fields, elements of lists, entries of
 * maps, fields that its schema does not know. Counting ends soon after `limit`. Bytes that are no message count as far as they
 * can be read.
 */
export function countValues(schema: DescMessage, bytes: Uint8Array, limit: number): number {
  return countMessage(schema, bytes, { left: limit, depth: 0 }, limit);
}

interface Counting {
  left: number;
  depth: number;
}

function countMessage(schema: DescMessage, bytes: Uint8Array, counting: Counting, limit: number): number {
  const fields = fieldsOf(schema);
  const reader = new BinaryReader(bytes);
  try {
    while (reader.pos < reader.len && counting.left >= 0) {
      const [number, wireType] = reader.tag();
      counting.left--;
      if (wireType === WireType.LengthDelimited) countBytes(fields.get(number), reader.bytes(), counting, limit);
      else reader.skip(wireType, number);
    }
  } catch {
    // The decoder says what is wrong with it.
  }
  return limit - counting.left;
}

function countBytes(field: DescField | undefined, bytes: Uint8Array, counting: Counting, limit: number): void {
  if (field?.fieldKind === "map") {
    // Key and value; what a value that is a message has is not looked at: no service here has maps of those.
    counting.left -= field.mapKind === "message" ? bytes.length : 2;
  } else if (field?.message && counting.depth < maxDepth) {
    counting.depth++;
    countMessage(field.message, bytes, counting, limit);
    counting.depth--;
  } else if (field?.fieldKind === "list" && field.packed) {
    // At most: no element is shorter than a byte.
    counting.left -= field.listKind === "scalar" && isFixed(field.scalar) ? bytes.length / 4 : bytes.length;
  }
}

function isFixed(type: ScalarType): boolean {
  return type === ScalarType.FIXED32 || type === ScalarType.FLOAT || type === ScalarType.DOUBLE;
}

const known = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsOf(schema: DescMessage): ReadonlyMap<number, DescField> {
  const found = known.get(schema);
  if (found) return found;
  const fields = new Map(schema.fields.map((field) => [field.number, field]));
  known.set(schema, fields);
  return fields;
}

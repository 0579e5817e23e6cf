import { create, type DescField, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** An answer that is in binary form already. */
export class EncodedAnswer {
  readonly bytes: Buffer;

  /** Takes the fields of the message, each with its tag. */
  constructor(fields: readonly Uint8Array[]) {
    this.bytes = Buffer.concat(fields);
  }
}

/**
 * Encodes records as elements of a field of an answer. The bytes are kept as long as the record is: records are never changed but
 * replaced, so lists that are asked for every second are put together from what was encoded once.
 */
export function encodedField<Item extends object, Desc extends DescMessage>(
  { number }: DescField,
  schema: Desc,
  convert: (item: Item) => MessageInitShape<Desc>,
): (item: Item) => Uint8Array {
  const known = new WeakMap<Item, Uint8Array>();
  return (item) => {
    let bytes = known.get(item);
    if (bytes === undefined) {
      const message = toBinary(schema, create(schema, convert(item)));
      bytes = new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(message).finish();
      known.set(item, bytes);
    }
    return bytes;
  };
}

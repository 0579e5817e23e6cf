import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";

/** Of `count` damaged copies of a message, cut off and with bytes changed, those that decode: the boundary answers the others. */
export function* mutatedMessages<D extends DescMessage>(
  schema: D,
  message: MessageShape<D>,
  count: number,
  random: (limit: number) => number,
): Generator<MessageShape<D>, void> {
  const seed = Buffer.from(toBinary(schema, message));
  for (let i = 0; i < count; i++) {
    const bytes = Buffer.from(seed);
    for (let flips = 1 + random(4); flips > 0; flips--) bytes[random(bytes.length)] = random(256);
    let mutated: MessageShape<D>;
    try {
      mutated = fromBinary(schema, bytes.subarray(0, 1 + random(bytes.length)));
    } catch {
      continue;
    }
    yield mutated;
  }
}

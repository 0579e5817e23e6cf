import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import { DataSchema, StreamInitSchema, WindowUpdateSchema } from "@crib/wire/streaming";

/** What the peer of a stream says: bytes, room for so many more, or nothing but that it is there. */
export type StreamMessage =
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "window"; readonly bytes: number }
  | { readonly kind: "ready" };

type Outgoing = typeof StreamInitSchema | typeof DataSchema | typeof WindowUpdateSchema;

/** As containerd packs it: the type's name is all of its URL. */
function pack<M extends Outgoing>(schema: M, message: MessageInitShape<M>): Any {
  return create(AnySchema, { typeUrl: schema.typeName, value: toBinary(schema, create(schema, message)) });
}

/** The first message of a stream: which one is meant. */
export function initMessage(id: string): Any {
  return pack(StreamInitSchema, { id });
}

export function dataMessage(data: Uint8Array): Any {
  return pack(DataSchema, { data });
}

/** Lets the peer send so many bytes more. */
export function windowMessage(update: number): Any {
  return pack(WindowUpdateSchema, { update });
}

/** Reads a message of the peer. What is not known is taken for the word that it is there; Internal when it cannot be decoded. */
export function readStreamMessage({ typeUrl, value }: Any): StreamMessage {
  const type = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
  try {
    if (type === DataSchema.typeName) return { kind: "data", bytes: fromBinary(DataSchema, value).data };
    if (type !== WindowUpdateSchema.typeName) return { kind: "ready" };
    return { kind: "window", bytes: Math.max(0, fromBinary(WindowUpdateSchema, value).update) };
  } catch (error) {
    throw new StatusError(Code.Internal, `reading a message of type "${type}": ${(error as Error).message}`);
  }
}

import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";

/** A method as far as errors name it. */
export type NamedMethod = Pick<DescMethod, "parent" | "name">;

/** How errors speak of a call: `calling "containerd.task.v2.Task/Connect"`. */
export function callingMethod(method: NamedMethod): string {
  return `calling "${method.parent.typeName}/${method.name}"`;
}

/** The bytes of a message. Throws `InvalidArgument`, after `doing`, if a field has a value that its type cannot hold. */
export function encodeMessage<M extends DescMessage>(type: M, message: MessageInitShape<M>, doing: string): Uint8Array {
  try {
    return toBinary(type, create(type, message));
  } catch (cause) {
    throw new StatusError(Code.InvalidArgument, `${doing}: encoding ${type.typeName}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** The message in received bytes. Throws with `code`, after `doing`, if there is none. */
export function decodeMessage<M extends DescMessage>(
  type: M,
  bytes: Uint8Array,
  doing: string,
  code: Code,
): MessageShape<M> {
  try {
    return fromBinary(type, bytes);
  } catch (cause) {
    throw new StatusError(code, `${doing}: decoding ${type.typeName}: ${(cause as Error).message}`, { cause });
  }
}

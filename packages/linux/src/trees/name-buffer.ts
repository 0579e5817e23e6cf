import { Code, StatusError } from "@crib/errdefs";

/** `PATH_MAX` of Linux, the NUL at the end included. */
const pathMax = 4096;

/** Memory for one name at a time, as the kernel takes names: bytes that end with a NUL. */
export class NameBuffer {
  readonly bytes: Buffer = Buffer.alloc(pathMax);

  /** Takes the bytes of `source` from `start` to `end`. InvalidArgument when they are too many or hold a NUL. */
  set(source: Uint8Array, start: number, end: number): Buffer {
    const length = end - start;
    if (length >= pathMax) throw new StatusError(Code.InvalidArgument, `name of ${length} bytes: ENAMETOOLONG`);
    const target = this.bytes;
    // Names are short: a loop is quicker than a call into the engine, and sees a NUL on the way.
    for (let index = 0; index < length; index += 1) {
      const byte = source[start + index] as number;
      if (byte === 0) throw new StatusError(Code.InvalidArgument, "name with a NUL: EINVAL");
      target[index] = byte;
    }
    target[length] = 0;
    return target;
  }
}

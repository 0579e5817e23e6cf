import { Code, StatusError } from "@crib/errdefs";

/** The error of an archive that is none, damaged or made to harm. */
export function badTar(why: string): StatusError {
  return new StatusError(Code.InvalidArgument, `reading tar archive: ${why}`);
}

/** The error of an archive that asks for more than it may have. */
export function tarLimit(why: string): StatusError {
  return new StatusError(Code.ResourceExhausted, `reading tar archive: ${why}`);
}

/** A name of an archive as an error message shows it: quoted, without control characters, not too long. */
export function quoteName(name: Uint8Array): string {
  const text = Buffer.from(name.buffer, name.byteOffset, Math.min(name.byteLength, 200)).toString();
  return JSON.stringify(name.byteLength > 200 ? `${text}...` : text);
}

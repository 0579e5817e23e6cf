import { Code, StatusError } from "@crib/errdefs";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** What a JSON document may be at most. */
export interface JsonLimits {
  readonly bytes: number;
  /** Members and items of all objects and lists together. Default 100,000: some milliseconds of parsing. */
  readonly values?: number;
}

const valueLimit = 100_000;
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openList = 0x5b;
const openObject = 0x7b;

/** Whether there are at most `limit` commas and opening brackets outside of texts. */
function hasFewValues(bytes: Uint8Array, limit: number): boolean {
  let count = 0;
  let isText = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === quote) isText = !isText;
    else if (isText && byte === backslash) at += 1;
    else if (!isText && (byte === comma || byte === openList || byte === openObject)) count += 1;
    if (count > limit) return false;
  }
  return true;
}

/**
 * Parses a JSON document of hostile origin. A few MiB of small values would take seconds and hundreds of MiB, so that they
 * are counted first. ResourceExhausted above a limit, before anything is parsed; InvalidArgument when it is not JSON in UTF-8.
 * `doing` begins the messages.
 */
export function parseBoundedJson(bytes: Uint8Array, limits: JsonLimits, doing: string): unknown {
  const { values = valueLimit } = limits;
  if (bytes.byteLength > limits.bytes) {
    throw new StatusError(
      Code.ResourceExhausted,
      `${doing}: has ${bytes.byteLength} bytes, at most ${limits.bytes} are read`,
    );
  }
  if (!hasFewValues(bytes, values)) {
    throw new StatusError(Code.ResourceExhausted, `${doing}: has more than ${values} values`);
  }
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown;
  } catch (error) {
    throw new StatusError(Code.InvalidArgument, `${doing}: not JSON in UTF-8`, { cause: error });
  }
}

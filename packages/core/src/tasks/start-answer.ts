import { fromBinary } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import type { TaskEndpoint } from "@crib/sandboxer";
import { BootstrapResultSchema } from "@crib/wire/options";

/** Longest answer of `shim start` that is looked at, in bytes. */
export const maxStartAnswerBytes = 64 * 1024;

/** Highest version of the task service that crib speaks. */
const newestVersion = 3;

/** sun_path of unix(7) holds 108 bytes with the final NUL. */
const maxSocketPathBytes = 107;

interface RawAnswer {
  readonly version: unknown;
  readonly address: unknown;
  readonly protocol: unknown;
}

const quote = (answer: Buffer): string =>
  JSON.stringify(answer.subarray(0, 120).toString("latin1")) + (answer.length > 120 ? "..." : "");

/**
 * Reads what `shim start` wrote to its standard output. Its first byte tells the form: JSON (2.0 to 2.2), the bare
 * address (1.x, version 2), else a protobuf BootstrapResult (2.3 and later). Anything else, a version above 3
 * and an address that cannot be one fail with FailedPrecondition and quote the start of the answer.
 */
export function parseStartAnswer(answer: Buffer): TaskEndpoint {
  const refuse = (why: string): StatusError =>
    new StatusError(Code.FailedPrecondition, `reading the answer of shim start: ${why}: ${quote(answer)}`);
  if (answer.length > maxStartAnswerBytes) throw refuse(`longer than ${maxStartAnswerBytes} bytes`);
  const { version, address, protocol } = readForm(answer, refuse);
  if (typeof version !== "number" || !Number.isInteger(version) || version < 2) throw refuse("no version");
  if (version > newestVersion) {
    throw refuse(`version ${version} of the task service is newer than ${newestVersion}`);
  }
  if (typeof address !== "string") throw refuse("no address");
  if (protocol !== "ttrpc" && protocol !== "grpc") throw refuse("unknown protocol");
  return { protocol, address: checkAddress(address, refuse), version };
}

function readForm(answer: Buffer, refuse: (why: string) => StatusError): RawAnswer {
  const text = answer.toString("utf8").trim();
  if (text === "") throw refuse("empty");
  if (text.startsWith("{")) return readJson(text, refuse);
  if (/^(?:unix:|vsock:|hvsock:|\/)[\x21-\x7e]*$/.test(text)) return { version: 2, address: text, protocol: "ttrpc" };
  try {
    const result = fromBinary(BootstrapResultSchema, answer);
    // A shim of an older kind never gets here; one of the new kind always names its version.
    return { version: result.version, address: result.address, protocol: result.protocol || "ttrpc" };
  } catch {
    throw refuse("neither protobuf, JSON nor an address");
  }
}

function readJson(text: string, refuse: (why: string) => StatusError): RawAnswer {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof RawAnswer, unknown>>;
    return { version: value.version, address: value.address, protocol: value.protocol ?? "ttrpc" };
  } catch {
    throw refuse("broken JSON");
  }
}

function checkAddress(address: string, refuse: (why: string) => StatusError): string {
  if (/^(?:vsock|hvsock):\/\/[\x21-\x7e]+$/.test(address)) return address;
  const path = address.startsWith("unix://") ? address.slice("unix://".length) : address;
  if (!/^\/[\x21-\x7e]+$/.test(path)) throw refuse("no usable address");
  if (Buffer.byteLength(path) > maxSocketPathBytes) throw refuse("socket path too long");
  return `unix://${path}`;
}

import { Code, StatusError } from "@crib/errdefs";
import type { TaskEndpoint } from "@crib/sandboxer";

/** sizeof(sockaddr_un.sun_path) without its NUL (unix(7)). */
const maxSocketPathBytes = 107;

/** Versions of the task service that crib speaks. */
const knownVersions: ReadonlySet<number> = new Set([2, 3]);

/**
 * The task service that a sandboxer names: `<ttrpc|grpc>+<unix|vsock|hvsock>://...`. Without a protocol it is ttrpc, and a plain path
 * is a unix socket; a slash after a port is dropped; version 0 is 2. Internal, with the value, for anything else.
 */
export function parseTaskAddress(address: string, version: number, io: "auto" | "fifo" | "streaming"): TaskEndpoint {
  const whole = address.startsWith("/") ? `unix://${address}` : address;
  const match = /^(?:(ttrpc|grpc)\+)?(unix|vsock|hvsock):\/\/(.+)$/.exec(whole);
  const [, protocol = "ttrpc", transport = "", place = ""] = match ?? [];
  if (!match) throw refuse("address", address, "<ttrpc|grpc>+<unix|vsock|hvsock>://...");
  const known = version === 0 ? 2 : version;
  if (!knownVersions.has(known)) throw refuse("version", String(version), "2 or 3");
  const guest = transport !== "unix";
  return {
    protocol: protocol === "grpc" ? "grpc" : "ttrpc",
    address: `${transport}://${parsePlace(transport, place, address)}`,
    version: known,
    io: io === "auto" ? (guest ? "streaming" : "fifo") : io,
    ...(guest ? { hostPids: false } : {}),
  };
}

function parsePlace(transport: string, place: string, address: string): string {
  if (transport === "unix") {
    if (isSocketPath(place)) return place;
    throw refuse("address", address, `an absolute path of at most ${maxSocketPathBytes} bytes`);
  }
  // Some daemons put a slash after the port.
  const [, target = "", port = ""] = /^(.+):([0-9]+)\/?$/.exec(place) ?? [];
  const isTarget =
    transport === "vsock" ? /^[0-9]+$/.test(target) && Number(target) <= 0xffff_ffff : isSocketPath(target);
  if (isTarget && Number(port) > 0 && Number(port) <= 0xffff_ffff) return `${target}:${Number(port)}`;
  throw refuse("address", address, transport === "vsock" ? "vsock://CID:PORT" : "hvsock:///PATH:PORT");
}

function isSocketPath(path: string): boolean {
  return path.startsWith("/") && !path.includes("\0") && Buffer.byteLength(path) <= maxSocketPathBytes;
}

function refuse(field: string, value: string, expected: string): StatusError {
  return new StatusError(
    Code.Internal,
    `it answered ${field} ${JSON.stringify(value.slice(0, 200))}: expected ${expected}`,
  );
}

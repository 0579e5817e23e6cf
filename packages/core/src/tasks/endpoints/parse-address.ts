import { Code, StatusError } from "@crib/errdefs";

/** Where a service of a pod can be reached. */
export type Address =
  | { readonly transport: "unix"; readonly path: string }
  /** A port of the virtual machine with that context id, vsock(7). */
  | { readonly transport: "vsock"; readonly cid: number; readonly port: number }
  /** A port of the virtual machine whose monitor listens at a unix socket (Cloud Hypervisor, Firecracker). */
  | { readonly transport: "hvsock"; readonly path: string; readonly port: number };

const largest = 0xffff_ffff;

/**
 * Reads `unix:///PATH`, `vsock://CID:PORT` and `hvsock:///PATH:PORT`. A protocol before it (`ttrpc+`), a query and slashes after a
 * port are ignored, a bare path is a unix socket: sandboxers and daemons differ in these. InvalidArgument for anything else.
 */
export function parseAddress(address: string): Address {
  const bare = address.replace(/^(?:ttrpc|grpc)\+/, "").replace(/\?.*$/, "");
  const [, transport = "unix", place = ""] = /^(?:(unix|vsock|hvsock):(?:\/\/)?)?(.*)$/s.exec(bare) ?? [];
  const found = parsePlace(transport, place);
  if (found !== undefined) return found;
  const why = "expected unix:///PATH, vsock://CID:PORT or hvsock:///PATH:PORT";
  throw new StatusError(Code.InvalidArgument, `reading the address ${JSON.stringify(address)}: ${why}`);
}

function parsePlace(transport: string, place: string): Address | undefined {
  if (transport === "unix") return isPath(place) ? { transport, path: place } : undefined;
  const [, target = "", digits = ""] = /^(.*):([0-9]+)\/*$/s.exec(place) ?? [];
  const port = Number(digits);
  if (digits === "" || port > largest) return undefined;
  if (transport === "hvsock") return isPath(target) ? { transport, path: target, port } : undefined;
  const cid = /^\/?[0-9]+$/.test(target) ? Number(target.replace("/", "")) : largest;
  return transport === "vsock" && cid < largest ? { transport, cid, port } : undefined;
}

function isPath(path: string): boolean {
  return path.startsWith("/") && !path.includes("\0");
}

import { Code, StatusError } from "@crib/errdefs";

/** Where a standard stream goes to or comes from. */
export type StreamTarget =
  | { readonly kind: "none" }
  | { readonly kind: "fifo"; readonly path: string }
  | { readonly kind: "file"; readonly path: string };

/**
 * Reads a stream's place as shims do: empty is nothing, a path or `fifo://` a FIFO, `file://` a file that is appended to.
 * Unimplemented for other schemes (`binary`, and streams of a Streaming service); InvalidArgument for a relative path.
 */
export function streamTarget(text: string): StreamTarget {
  if (text === "") return { kind: "none" };
  const [, scheme = "fifo", path = ""] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?(.*)$/s.exec(text) ?? [];
  const doing = `opening stream "${text}"`;
  if (scheme !== "fifo" && scheme !== "file") {
    throw new StatusError(Code.Unimplemented, `${doing}: only FIFOs and files are supported`);
  }
  if (!path.startsWith("/")) throw new StatusError(Code.InvalidArgument, `${doing}: not an absolute path`);
  return { kind: scheme, path };
}

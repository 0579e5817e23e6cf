import { posix } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

/** Where file descriptors, roots and working directories of processes are found by name. */
const magic = /^\/proc\/(?:self|thread-self|[0-9]+)(?:\/|$)|^\/dev\/fd(?:\/|$)/;

/**
 * The working directory: as asked, else the image's, else `/`; a relative one is taken from `/`. InvalidArgument for a NUL and for a
 * place below /proc that leads to a descriptor which the runtime may have open on the host (CVE-2024-21626).
 */
export function workingDirectory(asked: string, image: string): string {
  const wanted = asked === "" ? image : asked;
  const path = posix.join("/", wanted);
  const refuse = (why: string): StatusError =>
    new StatusError(Code.InvalidArgument, `building the process: working directory ${JSON.stringify(wanted)} ${why}`);
  if (path.includes("\0")) throw refuse("has a NUL");
  if (magic.test(path)) throw refuse("leads to descriptors of processes");
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

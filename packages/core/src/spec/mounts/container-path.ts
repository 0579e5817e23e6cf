import { posix } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

/**
 * A path inside a container in its only spelling: absolute, without empty names, `.` and a slash at the end. InvalidArgument for
 * one that is relative, climbs, has a NUL or is the root itself; `doing` names it in the message.
 */
export function cleanContainerPath(path: string, doing: string): string {
  const refuse = (why: string): never => {
    throw new StatusError(Code.InvalidArgument, `${doing} at "${path}": ${why}`);
  };
  if (path.includes("\0")) refuse("it has a NUL");
  if (!path.startsWith("/")) refuse("it is not absolute");
  // What ".." means depends on links that nobody has seen yet.
  if (path.split("/").includes("..")) refuse('it has ".."');
  const clean = posix.normalize(path).replace(/\/+$/, "");
  return clean === "" ? refuse("it is the root of the container") : clean;
}

import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

/** The absolute path of a program: a name is looked up on PATH. NotFound when there is none, InvalidArgument for a relative path. */
export function findBinary(name: string): string {
  if (name.startsWith("/")) return name;
  if (name === "" || name.includes("/")) {
    throw new StatusError(Code.InvalidArgument, `finding OCI runtime "${name}": neither a name nor an absolute path`);
  }
  const directories = (process.env["PATH"] ?? "").split(":").filter((directory) => directory.startsWith("/"));
  const found = directories.map((directory) => join(directory, name)).find(isProgram);
  if (found === undefined) throw new StatusError(Code.NotFound, `finding OCI runtime "${name}": not on PATH`);
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

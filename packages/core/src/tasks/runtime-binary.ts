import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

/** What a shim is looked up by. */
export interface RuntimeName {
  readonly runtimeType: string;
  /** Wins over `runtimeType` when not empty. */
  readonly runtimePath: string;
}

/** Directories that are searched, in their order. */
export interface RuntimeSearch {
  /** Colon separated, as PATH is. */
  readonly path: string;
  readonly dirs?: readonly string[];
}

/** `containerd-shim-NAME-VERSION` of a Runtime v2 name (containerd.md 2.1): the last two of its parts count. */
export function shimFileName(runtimeType: string): string {
  const parts = runtimeType.split(".");
  const [name, version] = parts.slice(-2);
  if (parts.length < 2 || !name || !version || runtimeType.includes("/")) {
    throw new StatusError(Code.InvalidArgument, `looking for a shim: "${runtimeType}" is not a runtime name`);
  }
  return `containerd-shim-${name}-${version}`;
}

/**
 * The absolute path of the shim binary of a runtime. NotFound naming where it looked; InvalidArgument for a relative
 * path or a name that is none.
 */
export async function findRuntimeBinary(name: RuntimeName, search: RuntimeSearch): Promise<string> {
  const given = name.runtimePath || (name.runtimeType.includes("/") ? name.runtimeType : "");
  if (given !== "") {
    if (!isAbsolute(given)) {
      throw new StatusError(Code.InvalidArgument, `looking for a shim: path "${given}" is not absolute`);
    }
    if (await isProgram(given)) return given;
    throw new StatusError(Code.NotFound, `looking for a shim: "${given}" is not a program`);
  }
  const file = shimFileName(name.runtimeType);
  const dirs = [...search.path.split(":"), ...(search.dirs ?? [])].filter(isAbsolute);
  for (const dir of dirs) {
    if (await isProgram(join(dir, file))) return join(dir, file);
  }
  throw new StatusError(Code.NotFound, `looking for a shim: no "${file}" in ${dirs.join(", ")}`);
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false; // absent and unusable are the same to a search; its error lists the places
  }
}

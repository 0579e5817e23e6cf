import { accessSync, constants } from "node:fs";
import { isAbsolute, join } from "node:path";

/** The path of a program: itself when absolute, else the first in PATH and in sbin, where daemons' PATH may not look. */
export function findProgram(name: string, dirs: readonly string[] = []): string | undefined {
  if (isAbsolute(name)) return isProgram(name) ? name : undefined;
  const path = [...dirs, ...(process.env["PATH"] ?? "").split(":"), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return path
    .filter(isAbsolute)
    .map((dir) => join(dir, name))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

import { readFile } from "node:fs/promises";

import { attemptAsync } from "../libc/errno-error.ts";

/** One line of /proc/self/mountinfo, proc_pid_mountinfo(5). */
export interface Mount {
  readonly id: number;
  readonly parentId: number;
  /** "major:minor" of the file system. */
  readonly device: string;
  /** What of the file system is mounted: "/" or, for a bind, a path in it; `net:[4026532000]` for a namespace. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** Propagation, such as `shared:5`; empty for a private mount. */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** The kernel writes space, tab, newline, backslash and # as three octal digits. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Reads the text of a mountinfo file. */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(" ");
    const end = fields.indexOf("-", 6);
    if (end < 0) continue;
    const at = (index: number): string => unescape(fields[index] ?? "");
    mounts.push({
      id: Number(at(0)),
      parentId: Number(at(1)),
      device: at(2),
      root: at(3),
      mountPoint: at(4),
      options: at(5).split(","),
      propagation: fields.slice(6, end),
      type: at(end + 1),
      source: at(end + 2),
      superOptions: at(end + 3).split(","),
    });
  }
  return mounts;
}

/** Lists the mounts that this process sees. */
export async function readMounts(): Promise<Mount[]> {
  return parseMountinfo(await attemptAsync("reading mounts", () => readFile("/proc/self/mountinfo", "utf8")));
}

/** Lists the mounts on `directory` and below it; compares whole path components. The path must have no symbolic link. */
export async function mountsUnder(directory: string): Promise<Mount[]> {
  const prefix = directory.endsWith("/") ? directory : `${directory}/`;
  return (await readMounts()).filter(({ mountPoint }) => `${mountPoint}/`.startsWith(prefix));
}

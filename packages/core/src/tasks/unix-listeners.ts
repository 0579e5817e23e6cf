import { readdir, readFile, readlink } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

/** __SO_ACCEPTCON of the kernel's linux/net.h: the socket listens. */
const listening = 0x1_0000;

/** A unix socket of this network namespace that listens. */
export interface UnixListener {
  /** Number of the socket itself, as the links of /proc/PID/fd show it. */
  readonly inode: string;
  /** Where it was bound, which is not where it is when its file was moved; empty when it has no name. */
  readonly path: string;
}

/** The unix sockets that listen (proc(5), /proc/net/unix). */
export async function unixListeners(): Promise<readonly UnixListener[]> {
  return parseUnixListeners(await readFile("/proc/net/unix", "latin1"));
}

/** Reads the text of /proc/net/unix. */
export function parseUnixListeners(text: string): readonly UnixListener[] {
  return text.split("\n").flatMap((line) => {
    const found = /^[0-9a-f]+: [0-9A-F]+ [0-9A-F]+ ([0-9A-F]+) [0-9A-F]+ [0-9A-F]+ +([0-9]+)(?: (.*))?$/.exec(line);
    if (found === null || (Number.parseInt(found[1] ?? "0", 16) & listening) === 0) return [];
    return [{ inode: found[2] ?? "", path: found[3] ?? "" }];
  });
}

/** What looking at a process fails with that has gone, has closed what was looked at, or may not be looked at. */
const unseen: ReadonlySet<string | undefined> = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM"]);

/** Which of these sockets a process has open; none of a process that is gone or may not be looked at. */
export async function heldSockets(pid: number, inodes: ReadonlySet<string>): Promise<readonly string[]> {
  const directory = `/proc/${pid}/fd`;
  const held: string[] = [];
  for (const fd of await unlessUnseen(readdir(directory), [])) {
    const target = await unlessUnseen(readlink(`${directory}/${fd}`), "");
    const inode = /^socket:\[([0-9]+)\]$/.exec(target)?.[1];
    if (inode !== undefined && inodes.has(inode)) held.push(inode);
  }
  return held;
}

async function unlessUnseen<T>(look: Promise<T>, nothing: T): Promise<T> {
  try {
    return await look;
  } catch (reason) {
    if (unseen.has((reason as NodeJS.ErrnoException).code)) return nothing;
    throw StatusError.from(reason, "looking for the sockets of a process");
  }
}

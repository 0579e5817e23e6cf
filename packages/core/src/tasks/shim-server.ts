import { findProcessesByEnv, isProcessAlive } from "@crib/linux";
import type { ProcessIdentity, TaskEndpoint } from "@crib/sandboxer";

import { markerValue, shimMarker } from "./shim-processes.ts";
import { unixPath } from "./shim-socket.ts";
import { heldSockets, unixListeners } from "./unix-listeners.ts";

/**
 * The process of a shim whose `start` has ended, found without asking it: it has the marker that crib gave to the shim of this id, and a unix socket that
 * listens. Undefined when none is certain: a server that many sandboxes share, or one that dropped its environment, is nobody's to
 * signal.
 */
export async function findShimServer(
  id: string,
  instance: string,
  endpoint: TaskEndpoint,
): Promise<ProcessIdentity | undefined> {
  const path = unixPath(endpoint.address);
  if (path === undefined) return undefined;
  const [marked, listeners] = await Promise.all([
    findProcessesByEnv(shimMarker, markerValue(id, instance)),
    unixListeners(),
  ]);
  const atPath = new Set(listeners.filter((listener) => listener.path === path).map(({ inode }) => inode));
  // A server may have bound its socket elsewhere and moved the file to where it says it is.
  const inodes = atPath.size > 0 ? atPath : new Set(listeners.map(({ inode }) => inode));
  const holders: typeof marked = [];
  for (const candidate of marked) {
    if ((await heldSockets(candidate.pid, inodes)).length > 0) holders.push(candidate);
  }
  // Children may have inherited the socket.
  const pids = new Set(holders.map(({ pid }) => pid));
  const servers = holders.filter(({ ppid }) => !pids.has(ppid));
  const [server] = servers;
  if (server === undefined || servers.length > 1 || !isProcessAlive(server)) return undefined;
  return { pid: server.pid, startTime: Number(server.startTime) };
}

import { createHash } from "node:crypto";
import { lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";

/** Where containerd's shims put their sockets unless told otherwise. */
export const defaultSocketDir = "/run/containerd/s";

/** The annotations that name a group of tasks served by one shim, in the order the runc shim looks at them. */
export const groupAnnotations = ["io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"] as const;

/** The socket that a runc shim will listen at, known before it is started (containerd.md 2.3). */
export function shimSocketPath(daemonAddress: string, namespace: string, groupId: string): string {
  const key = join(daemonAddress, namespace, groupId);
  return `${defaultSocketDir}/${createHash("sha256").update(key).digest("hex")}`;
}

/** The path of a `unix://` address, undefined for any other. */
export function unixPath(address: string): string | undefined {
  return address.startsWith("unix:///") ? address.slice("unix://".length) : undefined;
}

/**
 * Removes the socket file of a shim that has ended; an absent one is success. Nothing but a socket is ever removed, and
 * none that still accepts: another shim may have taken the name.
 */
export async function removeDeadSocket(path: string, signal: AbortSignal): Promise<boolean> {
  try {
    if (!(await lstat(path)).isSocket()) return false;
    if (await accepts(path, signal)) return false;
    await unlink(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
    throw StatusError.from(error, `removing the socket "${path}"`);
  }
}

/** Whether somebody listens at a socket path. A path that does not exist, or is none, says no. */
export async function accepts(path: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const socket = connect({ path });
    const done = (answer: boolean): void => {
      signal.removeEventListener("abort", aborted);
      socket.destroy();
      resolve(answer);
    };
    const aborted = (): void => {
      socket.destroy();
      reject(StatusError.from(signal.reason, `trying the socket "${path}"`));
    };
    signal.addEventListener("abort", aborted, { once: true });
    socket.once("connect", () => done(true));
    socket.once("error", (error: NodeJS.ErrnoException) => done(error.code === "EAGAIN"));
  });
}

import { chmod, link, lstat, mkdtemp, rename, rm, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";

/** sizeof(sockaddr_un.sun_path) without its NUL (unix(7)). */
const maxSocketPathBytes = 107;

/** A socket that stands at its path. */
export interface PrivateSocket {
  readonly path: string;
  /** Removes the path, unless it is another's by now. Idempotent. */
  remove(): Promise<void>;
}

/**
 * Puts a listening unix socket at `path` that nobody but its owner can ever connect to: `listen` binds it inside a directory
 * closed to others, and it is moved to its place when its mode is 0600. A socket that is there already is replaced only when nobody answers on it, else
 * this fails with AlreadyExists, also when something else is there; `listen` has listened in vain then, and must be undone by the
 * caller. The directory must exist. Two callers at the same moment must be kept apart by a lock.
 */
export async function placePrivateSocket(
  path: string,
  listen: (temporaryPath: string) => Promise<void>,
): Promise<PrivateSocket> {
  if (!path.startsWith("/") || Buffer.byteLength(path) > maxSocketPathBytes) {
    throw new StatusError(
      Code.InvalidArgument,
      `listening on "${path}": not an absolute path of at most ${maxSocketPathBytes} bytes`,
    );
  }
  await refuseTaken(path);
  // mkdtemp makes it with mode 0700.
  const closed = await mkdtemp(join(dirname(path), ".s")).catch((reason: unknown) => {
    throw StatusError.from(reason, `listening on "${path}"`);
  });
  try {
    const temporary = join(closed, "s");
    await listen(temporary);
    await chmod(temporary, 0o600);
    const { ino } = await lstat(temporary);
    await moveTo(path, temporary);
    return { path, remove: () => removeOwn(path, ino) };
  } finally {
    await rm(closed, { recursive: true, force: true });
  }
}

/** Whether somebody accepts connections at a unix socket. A path that is no socket, or none, is answered by nobody. */
export function answersAt(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ path });
  socket.once("connect", () => resolve(true));
  // A full backlog is somebody's.
  socket.once("error", (error) => resolve((error as NodeJS.ErrnoException).code === "EAGAIN"));
  return promise.finally(() => socket.destroy());
}

async function refuseTaken(path: string): Promise<void> {
  const found = await lstat(path).catch((reason: unknown) => {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw StatusError.from(reason, `listening on "${path}"`);
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw new StatusError(Code.AlreadyExists, `listening on "${path}": it is there and no socket`);
  if (await answersAt(path))
    throw new StatusError(Code.AlreadyExists, `listening on "${path}": somebody answers there`);
}

async function moveTo(path: string, temporary: string): Promise<void> {
  try {
    // Not over what came there meanwhile.
    await link(temporary, path);
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== "EEXIST") throw StatusError.from(reason, `listening on "${path}"`);
    await refuseTaken(path);
    await rename(temporary, path);
  }
}

async function removeOwn(path: string, inode: number): Promise<void> {
  try {
    const found = await lstat(path);
    if (found.ino === inode) await unlink(path);
  } catch (reason) {
    if (!hasCode(StatusError.from(reason), Code.NotFound)) throw StatusError.from(reason, `removing "${path}"`);
  }
}

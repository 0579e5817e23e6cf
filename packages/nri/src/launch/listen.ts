import { chmod, lstat, mkdir, rename, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { basename, dirname, join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

/** A socket that is listened on. */
export interface Listener extends AsyncDisposable {
  /** Closes the listener and removes the socket, if it is still this one. Connections stay. Idempotent. */
  close(): Promise<void>;
}

/**
 * Listens on a Unix socket that only root can connect to; its directory is made with mode 0700 where it is missing. A socket that nobody
 * serves is replaced. FailedPrecondition when somebody does, or when there is something else at that path.
 */
export async function listen(path: string, onConnection: (socket: Socket) => void): Promise<Listener> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await assertFree(path);
  // Made beside and renamed, so that it never shows with another mode, and so that closing removes nothing of somebody else: Node
  // removes the path that it listened on.
  const fresh = join(dirname(path), `.${basename(path)}.${process.pid}`);
  await rm(fresh, { force: true });
  const server = createServer({ pauseOnConnect: false }, onConnection);
  await listening(server, fresh);
  try {
    await chmod(fresh, 0o600);
    await rename(fresh, path);
    const { ino } = await lstat(path);
    let closed: Promise<void> | undefined;
    const close = (): Promise<void> => (closed ??= closeListener(server, path, ino));
    return { close, [Symbol.asyncDispose]: close };
  } catch (error) {
    server.close();
    throw StatusError.from(error, `listening on "${path}"`);
  }
}

async function closeListener(server: Server, path: string, ino: number): Promise<void> {
  const closed = Promise.withResolvers<void>();
  // Waits for connections, too, which are the caller's to close.
  server.close(() => closed.resolve());
  const there = await lstat(path).catch(() => undefined);
  if (there?.ino === ino) await rm(path, { force: true });
  await closed.promise;
}

async function listening(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error) => reject(StatusError.from(error, `listening on "${path}"`)));
  server.listen(path, resolve);
  await promise;
}

async function assertFree(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined) return;
  if (!there.isSocket()) throw new StatusError(Code.FailedPrecondition, `listening on "${path}": it is not a socket`);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = connect(path, () => resolve(true)).once("error", () => resolve(false));
  const isServed = await promise;
  probe.destroy();
  if (isServed) throw new StatusError(Code.FailedPrecondition, `listening on "${path}": another process serves it`);
}

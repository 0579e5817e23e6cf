import { closeSync, constants, openSync, stat } from "node:fs";

import { attempt, check } from "../libc/errno-error.ts";
import { setns, unshare } from "../libc/libc.ts";
import { namespaceFlags, type ThreadNamespaceKind } from "./namespace-kind.ts";

/** Where namespaces come from: a path that shows one for each kind, for instance `/proc/<pid>/ns/net`. */
export type NamespacePaths = Readonly<Partial<Record<ThreadNamespaceKind, string>>>;

interface HeldNamespace {
  readonly kind: ThreadNamespaceKind;
  readonly fd: number;
}

class HeldNamespaces {
  readonly #held: HeldNamespace[] = [];

  constructor(paths: NamespacePaths) {
    try {
      for (const kind of Object.keys(paths) as ThreadNamespaceKind[]) {
        const path = paths[kind] ?? "";
        const fd = attempt(`opening ${kind} namespace "${path}"`, () => openSync(path, constants.O_RDONLY));
        this.#held.push({ kind, fd });
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  enter(): void {
    for (const { kind, fd } of this.#held) check(setns(fd, namespaceFlags[kind]), `entering ${kind} namespace`);
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#held) closeSync(fd);
  }
}

/** The namespaces of the calling thread itself. */
function holdOwn(kinds: readonly ThreadNamespaceKind[]): HeldNamespaces {
  return new HeldNamespaces(Object.fromEntries(kinds.map((kind) => [kind, `/proc/thread-self/ns/${kind}`])));
}

/**
 * libuv starts its pool at the first queued call, and a thread is born in the namespaces of the one that starts it: a
 * pool born inside a pod's netns would stay there. So one call is queued before the thread leaves.
 */
let threadPoolStarted = false;
function startThreadPool(): void {
  if (threadPoolStarted) return;
  threadPoolStarted = true;
  stat("/", () => undefined);
}

/** Comes back, or ends the process: a daemon that lives on in a pod's namespaces would harm every later call. */
function comeBack(outside: HeldNamespaces): void {
  try {
    outside.enter();
  } catch (error) {
    process.stderr.write(`cannot return to the host's namespaces, aborting: ${String(error)}\n`);
    process.abort();
  }
}

/**
 * Runs `body` with the calling thread in new namespaces of these kinds, then brings the thread back. Everything in the
 * body must be synchronous. When the thread cannot come back the process aborts.
 */
export function inNewNamespaces<T>(kinds: readonly ThreadNamespaceKind[], body: () => T): T {
  startThreadPool();
  using outside = holdOwn(kinds);
  const flags = kinds.reduce((sum, kind) => sum | namespaceFlags[kind], 0);
  check(unshare(flags), `making ${kinds.join(", ")} namespaces`);
  try {
    return body();
  } finally {
    comeBack(outside);
  }
}

/** As `inNewNamespaces`, in the existing namespaces that `paths` show. Nothing is entered when one of them is missing. */
export function inNamespaces<T>(paths: NamespacePaths, body: () => T): T {
  startThreadPool();
  using outside = holdOwn(Object.keys(paths) as ThreadNamespaceKind[]);
  using inside = new HeldNamespaces(paths);
  try {
    inside.enter();
    return body();
  } finally {
    comeBack(outside);
  }
}

/**
 * Runs `body` in the network namespace pinned at `path` and brings the thread back: sockets that the body makes belong to
 * that namespace for good. The body must be synchronous and must start no worker and no process that is to live outside.
 * Note that Node makes the socket of `net.connect`, and of `listen` with a host, only in a later turn, that is outside;
 * `listen(port)` makes it at once, and for connections there is `connectInNetns`.
 */
export function withNetns<T>(path: string, body: () => T extends PromiseLike<unknown> ? never : T): T {
  return inNamespaces({ net: path }, body as () => T);
}

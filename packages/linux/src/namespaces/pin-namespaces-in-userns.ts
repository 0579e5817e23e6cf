import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readlinkSync, writeFileSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";

import { attempt } from "../libc/errno-error.ts";
import type { NamespaceKind } from "./namespace-kind.ts";
import { type PinRequest, requestedKinds, setUpNamespaces } from "./pin-request.ts";
import { bindNamespace, undoPins } from "./pin.ts";
import { inNamespaces } from "./thread-namespaces.ts";

/** One line of a uid or gid map: `length` ids from `containerId` on inside are those from `hostId` on outside. */
export interface IdMapping {
  readonly containerId: number;
  readonly hostId: number;
  readonly length: number;
}

/** A request for namespaces that a new user namespace owns. */
export interface UsernsPinRequest extends PinRequest {
  /** At least one; see user_namespaces(7). */
  readonly uidMappings: readonly IdMapping[];
  /** At least one. */
  readonly gidMappings: readonly IdMapping[];
  /** Where to pin the user namespace itself. Default: it lives as long as what it owns. */
  readonly user?: string | undefined;
  /** Further environment of the short-lived helper process, so that it can be recognised after a crash. */
  readonly helperEnv?: Readonly<Record<string, string>> | undefined;
  /** Awaited while the helper holds the new namespaces and none is pinned; a rejection fails the call. */
  readonly whileHeld?: (() => Promise<void>) | undefined;
}

const helperPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const unshareOptions: Readonly<Record<NamespaceKind, string>> = { user: "-U", net: "-n", ipc: "-i", uts: "-u" };

/**
 * As `pinNamespaces`, but the namespaces belong to a new user namespace with the given mappings. A process with threads
 * cannot make one, so a helper (`unshare` of util-linux or busybox, then `cat`) does, and is gone when this settles. A
 * failed or aborted call leaves nothing. Takes a few milliseconds.
 */
export async function pinNamespacesInUserns(request: UsernsPinRequest, signal?: AbortSignal): Promise<void> {
  const kinds: readonly NamespaceKind[] = ["user", ...requestedKinds(request)];
  const maps = { uid_map: mapText("uid", request.uidMappings), gid_map: mapText("gid", request.gidMappings) };
  signal?.throwIfAborted();
  const helper = startHelper(kinds, request.helperEnv ?? {});
  // What goes wrong is reported by whoever waits then; an error later than that must not end the process.
  helper.on("error", () => undefined);
  const gone = new Promise<void>((resolve) => {
    helper.once("close", () => resolve());
  });
  try {
    await untilUnshared(helper, signal);
    await request.whileHeld?.();
    pinFromHelper(helper, kinds, request, maps);
  } finally {
    // It is our own child and not reaped before Node tells, so the pid cannot be somebody else's.
    helper.kill("SIGKILL");
    if (helper.pid !== undefined) await gone;
  }
}

function mapText(kind: string, mappings: readonly IdMapping[]): string {
  const numbers = mappings.flatMap(({ containerId, hostId, length }) => [containerId, hostId, length]);
  if (mappings.length === 0 || numbers.some((id) => !Number.isInteger(id) || id < 0 || id > 0xffff_ffff)) {
    throw new StatusError(Code.InvalidArgument, `pinning namespaces: the ${kind} mappings are not valid`);
  }
  return mappings.map(({ containerId, hostId, length }) => `${containerId} ${hostId} ${length}\n`).join("");
}

/** The host's id of user 0 inside, if the mappings have one. */
function mappedRoot(mappings: readonly IdMapping[]): number | undefined {
  return mappings.find(({ containerId, length }) => containerId === 0 && length > 0)?.hostId;
}

function startHelper(kinds: readonly NamespaceKind[], env: Readonly<Record<string, string>>): ChildProcess {
  // cat ends with its standard input, that is with this process, so a crash leaves no helper behind.
  return spawn("unshare", [...kinds.map((kind) => unshareOptions[kind]), "cat"], {
    env: { ...env, PATH: helperPath },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** Settles once the helper has unshared: only then does cat run and give back what it is sent. */
async function untilUnshared(helper: ChildProcess, signal: AbortSignal | undefined): Promise<void> {
  const doing = "making a user namespace";
  let complaint = "";
  helper.stderr?.setEncoding("utf8").on("data", (text: string) => (complaint = (complaint + text).slice(0, 1024)));
  // A helper that ended early breaks the pipe; its exit is reported below.
  helper.stdin?.on("error", () => undefined);
  const abort = new AbortController();
  const any = signal === undefined ? abort.signal : AbortSignal.any([signal, abort.signal]);
  const ended = async (): Promise<never> => {
    const [status, killedBy] = (await once(helper, "close", { signal: any })) as [number | null, string | null];
    throw new StatusError(Code.Internal, `${doing}: helper ended (${status ?? killedBy}): ${complaint.trim()}`);
  };
  const answered =
    helper.stdout === null ? Promise.reject(new Error("no pipe")) : once(helper.stdout, "data", { signal: any });
  helper.stdin?.write("\n");
  try {
    await Promise.race([answered, ended()]);
  } catch (error) {
    throw error instanceof StatusError ? error : StatusError.from(error, doing);
  } finally {
    abort.abort();
  }
}

/**
 * Pins what the helper holds. Synchronous: Node reaps a child only between turns, so while this runs the pid is the
 * helper's, and a helper that has ended shows no namespaces, which fails the call.
 */
function pinFromHelper(
  helper: ChildProcess,
  kinds: readonly NamespaceKind[],
  request: UsernsPinRequest,
  maps: Readonly<Record<string, string>>,
): void {
  if (helper.exitCode !== null || helper.signalCode !== null || helper.pid === undefined) {
    throw new StatusError(Code.Aborted, "making a user namespace: the helper has ended");
  }
  const proc = `/proc/${helper.pid}`;
  if (
    attempt("reading the helper's user namespace", () => readlinkSync(`${proc}/ns/user`)) ===
    readlinkSync("/proc/self/ns/user")
  ) {
    throw new StatusError(Code.Internal, "making a user namespace: the helper is still in the host's");
  }
  for (const [file, text] of Object.entries(maps)) {
    attempt(`writing ${file} "${text.trim()}"`, () => writeFileSync(`${proc}/${file}`, text, { flag: "r+" }));
  }
  const pinned: string[] = [];
  using held = holdAll(kinds.map((kind) => `${proc}/ns/${kind}`));
  const sources: Readonly<Partial<Record<NamespaceKind, string>>> = Object.fromEntries(
    kinds.map((kind, index) => [kind, held.paths[index]]),
  );
  const { user: _user, ...others } = sources;
  try {
    if (kinds.length > 1) inNamespaces(others, () => setUpNamespaces(request, mappedRoot(request.uidMappings)));
    for (const kind of kinds) {
      const path = request[kind];
      if (path === undefined) continue;
      bindNamespace(sources[kind] ?? "", path);
      pinned.push(path);
    }
  } catch (error) {
    throw undoPins(pinned, error);
  }
}

function holdAll(paths: readonly string[]): Disposable & { readonly paths: readonly string[] } {
  using stack = new DisposableStack();
  const held = paths.map((path) => {
    const fd = attempt(`opening namespace "${path}"`, () => openSync(path, constants.O_RDONLY));
    stack.defer(() => closeSync(fd));
    return `/proc/self/fd/${fd}`;
  });
  const kept = stack.move();
  return { paths: held, [Symbol.dispose]: () => kept.dispose() };
}

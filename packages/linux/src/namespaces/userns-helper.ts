import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readlinkSync, writeFileSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";

import { attempt } from "../libc/errno-error.ts";
import type { NamespaceKind } from "./namespace-kind.ts";

/** One line of a uid or gid map: `length` ids from `containerId` on inside are those from `hostId` on outside. */
export interface IdMapping {
  readonly containerId: number;
  readonly hostId: number;
  readonly length: number;
}

/** The namespaces of a helper process, the user namespace being one of them. */
export interface UsernsHelperRequest {
  readonly kinds: readonly NamespaceKind[];
  /** At least one; see user_namespaces(7). */
  readonly uids: readonly IdMapping[];
  /** At least one. */
  readonly gids: readonly IdMapping[];
  /** Further environment, so that the process can be recognised after a crash. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Awaited before the mappings are written; a rejection fails the call. */
  readonly whileHeld?: (() => Promise<void>) | undefined;
}

const helperPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const unshareOptions: Readonly<Record<NamespaceKind, string>> = { user: "-U", net: "-n", ipc: "-i", uts: "-u" };

function mapText(kind: string, mappings: readonly IdMapping[]): string {
  const numbers = mappings.flatMap(({ containerId, hostId, length }) => [containerId, hostId, length]);
  if (mappings.length === 0 || numbers.some((id) => !Number.isInteger(id) || id < 0 || id > 0xffff_ffff)) {
    throw new StatusError(Code.InvalidArgument, `making a user namespace: the ${kind} mappings are not valid`);
  }
  return mappings.map(({ containerId, hostId, length }) => `${containerId} ${hostId} ${length}\n`).join("");
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

/** Writes the mappings of a helper that is alive and has left the host's user namespace; gives its directory in /proc. */
function mapHelper(helper: ChildProcess, maps: Readonly<Record<string, string>>): string {
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
  return proc;
}

/**
 * Runs `body` while a short-lived process holds new namespaces that belong to a new user namespace with the given mappings. The
 * body gets its directory in /proc and must be synchronous: Node reaps a child only between turns, so while it runs the pid is
 * the helper's, and a helper that has ended shows no namespaces, which fails the call. The helper is gone when this settles.
 */
export async function withUsernsHelper<T>(
  request: UsernsHelperRequest,
  body: (proc: string) => T,
  signal?: AbortSignal,
): Promise<T> {
  const maps = { uid_map: mapText("uid", request.uids), gid_map: mapText("gid", request.gids) };
  signal?.throwIfAborted();
  const helper = startHelper(request.kinds, request.env ?? {});
  // What goes wrong is reported by whoever waits then; an error later than that must not end the process.
  helper.on("error", () => undefined);
  const gone = new Promise<void>((resolve) => {
    helper.once("close", () => resolve());
  });
  try {
    await untilUnshared(helper, signal);
    await request.whileHeld?.();
    return body(mapHelper(helper, maps));
  } finally {
    // It is our own child and not reaped before Node tells, so the pid cannot be somebody else's.
    helper.kill("SIGKILL");
    if (helper.pid !== undefined) await gone;
  }
}

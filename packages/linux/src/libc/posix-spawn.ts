import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { check, errnoError } from "./errno-error.ts";
import { type Call, declare } from "./libc.ts";

/** A program to start, with what its descriptors 0, 1 and 2 become. */
export interface PosixSpawn {
  readonly path: string;
  readonly argv: readonly string[];
  /** `NAME=value`; nothing is inherited. */
  readonly env: readonly string[];
  /** Undefined: the caller's. */
  readonly cwd: string | undefined;
  /** Undefined: /dev/null. */
  readonly stdinFd: number | undefined;
  readonly stdoutFd: number;
  readonly stderrFd: number;
}

interface SpawnCalls {
  readonly spawn: Call<
    [
      pid: Uint8Array,
      path: string,
      actions: Uint8Array,
      attributes: Uint8Array,
      argv: readonly (string | null)[],
      env: readonly (string | null)[],
    ]
  >;
  readonly initActions: Call<[actions: Uint8Array]>;
  readonly destroyActions: Call<[actions: Uint8Array]>;
  readonly addDup2: Call<[actions: Uint8Array, fd: number, target: number]>;
  readonly addOpen: Call<[actions: Uint8Array, fd: number, path: string, flags: number, mode: number]>;
  readonly addChdir: Call<[actions: Uint8Array, path: string]>;
  /** glibc 2.34 has it, musl does not. */
  readonly addCloseFrom: Call<[actions: Uint8Array, fd: number]> | undefined;
  /** The same for every start, so made once. */
  readonly attributes: Uint8Array;
}

/** Larger than glibc's and musl's structures (at most 336 bytes), which are opaque here. */
const structBytes = 512;
/** `sigset_t` of both. */
const sigsetBytes = 128;

// spawn.h; one number each in glibc and musl.
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;

const memory = "void *";
const strings = "const char **";

let loaded: SpawnCalls | undefined;

function load(): SpawnCalls {
  try {
    return {
      spawn: declare("posix_spawn", "int", [memory, "const char *", memory, memory, strings, strings]),
      initActions: declare("posix_spawn_file_actions_init", "int", [memory]),
      destroyActions: declare("posix_spawn_file_actions_destroy", "int", [memory]),
      addDup2: declare("posix_spawn_file_actions_adddup2", "int", [memory, "int", "int"]),
      addOpen: declare("posix_spawn_file_actions_addopen", "int", [memory, "int", "const char *", "int", "uint"]),
      addChdir: declare("posix_spawn_file_actions_addchdir_np", "int", [memory, "const char *"]),
      addCloseFrom: declareIfThere("posix_spawn_file_actions_addclosefrom_np", "int", [memory, "int"]),
      attributes: makeAttributes(),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StatusError(Code.Unimplemented, `loading posix_spawn: ${why}`, { cause: error });
  }
}

function declareIfThere(...declaration: Parameters<typeof declare>): ReturnType<typeof declare> | undefined {
  try {
    return declare(...declaration);
  } catch {
    return undefined;
  }
}

/** A session of its own, no signal blocked, each at its default: Node ignores SIGPIPE, which programs do not expect. */
function makeAttributes(): Uint8Array {
  const init: Call<[Uint8Array]> = declare("posix_spawnattr_init", "int", [memory]);
  const setFlags: Call<[Uint8Array, number]> = declare("posix_spawnattr_setflags", "int", [memory, "short"]);
  const setMask: Call<[Uint8Array, Uint8Array]> = declare("posix_spawnattr_setsigmask", "int", [memory, memory]);
  const setDefault: Call<[Uint8Array, Uint8Array]> = declare("posix_spawnattr_setsigdefault", "int", [memory, memory]);
  const attributes = Buffer.alloc(structBytes);
  succeed(init(attributes), "initialising spawn attributes");
  succeed(
    setFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID),
    "setting spawn flags",
  );
  succeed(setMask(attributes, Buffer.alloc(sigsetBytes)), "setting the signal mask of spawned programs");
  succeed(setDefault(attributes, resettableSignals()), "setting the signals of spawned programs");
  return attributes;
}

/**
 * A `sigset_t` of all signals but the two that cannot be changed. It has the few from 32 on that libc keeps for itself: without
 * them glibc and musl would leave these ignored in the program.
 */
function resettableSignals(): Uint8Array {
  const { SIGKILL, SIGSTOP } = constants.signals;
  const set = Buffer.alloc(sigsetBytes);
  for (let signal = 1; signal <= 64; signal++) {
    if (signal === SIGKILL || signal === SIGSTOP) continue;
    const byte = (signal - 1) >> 3;
    set[byte] = (set[byte] ?? 0) | (1 << ((signal - 1) & 7));
  }
  return set;
}

/** These functions return the errno itself. */
function succeed(result: number, doing: string): void {
  check(-Math.abs(result), doing);
}

/**
 * Starts a program without copying this process' page tables: libc uses vfork's way (clone with CLONE_VM and CLONE_VFORK), so
 * that the time does not grow with this process' memory. Gives its pid; it is the leader of a new session and group, the `exec` is done.
 * Throws the errno of whatever failed, in the child too; then there is no child. Unimplemented when libc lacks a function (glibc before
 * 2.29, musl before 1.1.24).
 */
export function posixSpawn(start: PosixSpawn, doing: string): number {
  loaded ??= load();
  const calls = loaded;
  const actions = Buffer.alloc(structBytes);
  succeed(calls.initActions(actions), doing);
  try {
    if (start.stdinFd === undefined) succeed(calls.addOpen(actions, 0, "/dev/null", 0, 0), doing);
    else succeed(calls.addDup2(actions, start.stdinFd, 0), doing);
    succeed(calls.addDup2(actions, start.stdoutFd, 1), doing);
    succeed(calls.addDup2(actions, start.stderrFd, 2), doing);
    if (start.cwd !== undefined) succeed(calls.addChdir(actions, start.cwd), doing);
    // What this process itself inherited without close-on-exec stops here.
    if (calls.addCloseFrom !== undefined) succeed(calls.addCloseFrom(actions, 3), doing);
    const pid = Buffer.alloc(4);
    // koffi keeps the strings until the call returns, and by then the child has its own: the parent resumes after the exec.
    const result = calls.spawn(pid, start.path, actions, calls.attributes, [...start.argv, null], [...start.env, null]);
    if (result !== 0) throw errnoError(-Math.abs(result), doing);
    return pid.readInt32LE();
  } finally {
    calls.destroyActions(actions);
  }
}

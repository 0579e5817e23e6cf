import { closeSync, openSync, rmSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";
import { type ChildExit, openMemoryFile, spawnWithDescriptors } from "@crib/linux";

import { lastRuntimeError } from "./runtime-log.ts";
import type { RuntimeSettings } from "./runtime-settings.ts";

/** One call of an OCI runtime. */
export interface RuntimeCall {
  /** What it is, for messages: `OCI runtime create failed` and so on. */
  readonly verb: string;
  readonly args: readonly string[];
  /** Where the runtime logs to; made by it, removed afterwards. */
  readonly logFile: string;
  readonly timeoutMs: number;
  /** Kills it before. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
  /** Default: /dev/null thrice. */
  readonly stdio?: readonly [number, number, number] | undefined;
  /** Standard input where `stdio` is absent. */
  readonly input?: Uint8Array | undefined;
}

/**
 * Runs the runtime to its end. When it fails, throws what it says (Unknown, worded as containerd's shim does); NotFound for a container
 * that it does not know. At the deadline (DeadlineExceeded) or on abort (Canceled) it is killed with its process group.
 * Nothing but the runtime's end is waited for, so that whoever awaits this still sees a pid before anybody else can reap it.
 */
export async function runRuntime(settings: RuntimeSettings, call: RuntimeCall): Promise<void> {
  const failed = `OCI runtime ${call.verb} failed`;
  using streams = new DisposableStack();
  const child = spawnWithDescriptors({
    path: settings.binary,
    args: [...globalArgs(settings, call.logFile), ...call.args],
    env: environment(),
    stdio: call.stdio ?? openStreams(streams, call.input),
  });
  streams.dispose();
  let reason: StatusError | undefined;
  const kill = (why: StatusError): void => {
    reason ??= why;
    child.kill("SIGKILL");
  };
  const timer = setTimeout(() => {
    kill(new StatusError(Code.DeadlineExceeded, `${failed}: no end within ${call.timeoutMs} ms`));
  }, call.timeoutMs);
  const aborted = (): void => kill(StatusError.from(call.signal?.reason, failed));
  call.signal?.addEventListener("abort", aborted, { once: true });
  if (call.signal?.aborted === true) aborted();
  try {
    const exit = await child.exit;
    if (exit.exitCode === 0) return;
    throw reason ?? failure(failed, call.logFile, exit);
  } finally {
    clearTimeout(timer);
    call.signal?.removeEventListener("abort", aborted);
    rmSync(call.logFile, { force: true });
  }
}

function globalArgs(settings: RuntimeSettings, logFile: string): readonly string[] {
  const log = ["--log", logFile, "--log-format", "json"];
  return ["--root", settings.root, ...log, ...(settings.systemdCgroup ? ["--systemd-cgroup"] : [])];
}

/** Not NOTIFY_SOCKET, which would be handed on to the container. */
function environment(): Readonly<Record<string, string>> {
  const names = ["PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? ""]).filter(([, value]) => value !== ""));
}

function openStreams(stack: DisposableStack, input: Uint8Array | undefined): readonly [number, number, number] {
  const nowhere = stack.adopt(openSync("/dev/null", "r+"), closeSync);
  const stdin = input === undefined ? nowhere : stack.adopt(openMemoryFile(input), closeSync);
  return [stdin, nowhere, nowhere];
}

function failure(failed: string, logFile: string, exit: ChildExit): StatusError {
  const message = lastRuntimeError(logFile) ?? describeExit(exit);
  const isUnknown = /container .*does not exist|does not exist$/.test(message);
  return new StatusError(isUnknown ? Code.NotFound : Code.Unknown, `${failed}: ${message}`);
}

function describeExit({ exitCode, signal }: ChildExit): string {
  return exitCode === null ? `ended by ${signal ?? "an unknown cause"}` : `exit status ${exitCode}`;
}

import { Code, StatusError } from "@crib/errdefs";
import type { TaskEndpoint } from "@crib/sandboxer";

import { type ProgramEnd, runProgram } from "./run-program.ts";
import { maxStartAnswerBytes, parseStartAnswer } from "./start-answer.ts";

/** One run of a shim binary. */
export interface ShimCommand {
  readonly id: string;
  readonly binary: string;
  readonly bundle: string;
  readonly namespace: string;
  readonly daemonAddress: string;
  readonly publishBinary: string;
  readonly env: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
}

/** How the long-lived shim is born. */
export interface ShimBirth {
  readonly stdin: Uint8Array;
  /** `cgroup.procs` files; the launcher enters them before it becomes the shim. */
  readonly cgroupFiles: readonly string[];
  /** Told of each of those that could not be entered. */
  readonly refused: (file: string) => void;
}

const refusal = "crib: cannot enter ";

/**
 * Enters the cgroups and becomes the shim, so that all it forks is born in them. The umask is the daemon's, made for
 * sockets; shims and runtimes expect the usual one. Writing 0 moves the writer itself.
 */
const launcher = `umask 022
n=$1; shift
while [ "$n" -gt 0 ]; do
  { echo 0 > "$1"; } 2>/dev/null || echo "${refusal}$1" >&2
  shift; n=$((n-1))
done
exec "$@"`;

/**
 * Runs `shim start` (containerd.md 2.3) and gives where its task service answers. FailedPrecondition with the shim's
 * words when it fails or answers garbage, DeadlineExceeded when it does not end; its process group is then killed, but
 * what it forked may live in another one.
 */
export async function runShimStart(command: ShimCommand, birth: ShimBirth, signal: AbortSignal): Promise<TaskEndpoint> {
  const doing = `starting the shim of "${command.id}"`;
  const flags = commonFlags(command);
  const end = await runProgram(
    {
      doing,
      argv: [
        "/bin/sh",
        "-c",
        launcher,
        "crib-shim",
        String(birth.cgroupFiles.length),
        ...birth.cgroupFiles,
        command.binary,
        ...flags,
        "start",
      ],
      cwd: command.bundle,
      env: command.env,
      stdin: birth.stdin,
      deadlineMs: command.deadlineMs,
      limitBytes: maxStartAnswerBytes,
    },
    signal,
  );
  const words = tellRefusals(end.stderr.toString("utf8"), birth.refused);
  if (end.exitCode !== 0) throw failed(doing, { ...end, stderr: Buffer.from(words) });
  return parseStartAnswer(end.stdout);
}

function commonFlags(command: ShimCommand): readonly string[] {
  const { namespace, daemonAddress, publishBinary, id } = command;
  return ["-namespace", namespace, "-address", daemonAddress, "-publish-binary", publishBinary, "-id", id];
}

function tellRefusals(stderr: string, refused: (file: string) => void): string {
  const others: string[] = [];
  for (const line of stderr.split("\n")) {
    if (line.startsWith(refusal)) refused(line.slice(refusal.length));
    else others.push(line);
  }
  return others.join("\n");
}

function failed(doing: string, end: ProgramEnd): StatusError {
  const words = `${end.stderr.toString("utf8")}\n${end.stdout.toString("utf8")}`.trim().slice(0, 1024);
  const how = end.exitCode === null ? "killed by a signal" : `exit code ${end.exitCode}`;
  return new StatusError(Code.FailedPrecondition, `${doing}: ${how}: ${words === "" ? "no message" : words}`);
}

/**
 * Runs `shim delete`, which ends what the runtime still has of the task when its shim is gone (containerd.md 2.5).
 * FailedPrecondition with its words when it fails, DeadlineExceeded when it does not end.
 */
export async function runShimDelete(command: ShimCommand, signal: AbortSignal): Promise<void> {
  const doing = `running delete of the shim of "${command.id}"`;
  const { binary, bundle, env, deadlineMs } = command;
  const argv = [binary, ...commonFlags(command), "-bundle", bundle, "delete"] as const;
  const end = await runProgram({ doing, argv, cwd: bundle, env, deadlineMs, limitBytes: maxStartAnswerBytes }, signal);
  if (end.exitCode !== 0) throw failed(doing, end);
}

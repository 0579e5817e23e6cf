import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

import { Code, StatusError } from "@crib/errdefs";
import {
  addToCgroup,
  createCgroup,
  findProcessesByEnv,
  processIdentity,
  signalProcess,
  waitProcessGone,
} from "@crib/linux";
import type { ProcessIdentity, Sandbox } from "@crib/sandboxer";

/** Names the pod in the environment of its pause, so that a later sandboxer finds it whatever happened to this one. */
const marker = "NAMESPACE_SANDBOXER_POD";

/** Does nothing, and takes up the children that processes of the pod leave behind: `wait` of a shell does that. */
const pause = "trap 'exit 0' TERM; while :; do tail -f /dev/null & wait; done";

/** Starts the first process of a new PID namespace in the pod's cgroup. It outlives this program. */
export async function startPause({ id, cgroupPath }: Sandbox): Promise<ProcessIdentity> {
  const doing = `starting the pause of sandbox "${id}"`;
  // The inner shell is born in the namespace; the outer one says its number and ends.
  const launcher = `setsid sh -c "${pause}" </dev/null >/dev/null 2>&1 & echo $!`;
  const child = spawn("unshare", ["--pid", "sh", "-c", launcher], {
    env: { PATH: process.env["PATH"], [marker]: id },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  const found = processIdentity(Number(said));
  if (code !== 0 || found === undefined) throw new StatusError(Code.Internal, `${doing}: unshare ended with ${code}`);
  await createCgroup(cgroupPath);
  await addToCgroup(cgroupPath, found.pid);
  return { pid: found.pid, startTime: Number(found.startTime) };
}

/** The pause of a pod, if it runs. */
export async function findPause(id: string): Promise<ProcessIdentity | undefined> {
  const found = await findProcessesByEnv(marker, id);
  // Its sleeping child has the same environment.
  const first = found.find(({ ppid }) => !found.some(({ pid }) => pid === ppid));
  return first && { pid: first.pid, startTime: Number(first.startTime) };
}

/** Kills a pause, and with it all that is in its PID namespace; settles when it is gone. */
export async function endPause(process: ProcessIdentity): Promise<void> {
  signalProcess(toKernel(process), "SIGKILL");
  await waitProcessGone(toKernel(process), { timeoutMs: 5_000 });
}

/** Settles when a pause is gone. */
export async function waitForPause(process: ProcessIdentity): Promise<void> {
  await waitProcessGone(toKernel(process), { timeoutMs: Number.POSITIVE_INFINITY });
}

function toKernel({ pid, startTime }: ProcessIdentity): { readonly pid: number; readonly startTime: bigint } {
  return { pid, startTime: BigInt(startTime) };
}

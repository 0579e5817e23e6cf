import { processIdentity, waitProcessGone } from "@crib/linux";

import { findProcesses } from "./find-processes.ts";

/** Whoever starts a task server of `examples/namespace-sandboxer`. */
export interface TaskServerOwner {
  /** Where both keep what they know. */
  readonly stateDir: string;
}

/** Milliseconds for a task server without tasks to end. */
const endMs = 10_000;

/** The process that runs the tasks, by its arguments, of which the directory is this benchmark's alone. */
export function findTaskServer({ stateDir }: TaskServerOwner): number | undefined {
  return findProcesses((args) => args.includes(stateDir) && args.some((arg) => arg.endsWith("/task-server.ts")))[0];
}

/** Ends it, if it runs: it outlives whoever started it. */
export async function endTaskServer(owner: TaskServerOwner): Promise<void> {
  const pid = findTaskServer(owner);
  const identity = pid === undefined ? undefined : processIdentity(pid);
  if (identity === undefined) return;
  process.kill(identity.pid, "SIGTERM");
  await waitProcessGone(identity, { timeoutMs: endMs });
}

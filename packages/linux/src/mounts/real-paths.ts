import type { StatusError } from "@crib/errdefs";

import { callInWorker, errorOf } from "./blocking-calls.ts";
import { defaultTimeoutMs, type MountDeadline } from "./mount.ts";

/**
 * Where paths lead without symbolic links, or why there is no telling, for each of them: on a thread of its own, since a path may lie on a
 * server that does not answer, and then all of them wait. DeadlineExceeded as for `mount`.
 */
export async function realPaths(
  paths: readonly string[],
  deadline: MountDeadline = {},
): Promise<readonly (string | StatusError)[]> {
  if (paths.length === 0) return [];
  const call = { name: "realpath", args: [paths] } as const;
  const doing = `resolving ${paths.map((path) => JSON.stringify(path)).join(", ")}`;
  const found = await callInWorker(call, deadline.timeoutMs ?? defaultTimeoutMs, doing);
  return found.map((answer) => (typeof answer === "string" ? answer : errorOf(answer)));
}

import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Node } from "../node.ts";

/** Pid of the shim that serves the tasks of a pod, from what the daemon keeps. Throws when there is none. */
export function shimOf({ state }: Pick<Node, "state">, podId: string): number {
  const text = readFileSync(join(state, "tasks", podId, "shim.json"), "utf8");
  const { process } = JSON.parse(text) as { readonly process?: { readonly pid: number } };
  if (!process) throw new Error(`pod ${podId} has no shim yet`);
  return process.pid;
}

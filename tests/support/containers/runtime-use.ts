import { deepEqual, equal, ok } from "node:assert/strict";

import type { Node } from "../node.ts";
import type { Container } from "./container.ts";
import { execDirs, openFiles, processUse, type ProcessUse, shimOf } from "./process-use.ts";

/** What the two processes hold that run commands in a container: the daemon and the shim of its pod. */
export interface RuntimeUse {
  readonly daemon: ProcessUse;
  readonly shim: ProcessUse;
}

/** Looks at both now. */
export function runtimeUse(node: Node, { pod }: Container): RuntimeUse {
  return { daemon: processUse(node.daemon.pid), shim: processUse(shimOf(node, pod)) };
}

/**
 * Fails unless nothing is left of the commands and clients since `before`: no FIFO, no zombie, no descriptor, and in the daemon no
 * more than `growthMiB` of memory. Gives what there is now.
 */
export function expectNothingHeld(node: Node, container: Container, before: RuntimeUse, growthMiB: number): RuntimeUse {
  const after = runtimeUse(node, container);
  deepEqual(execDirs(node, container.id), []);
  for (const name of ["daemon", "shim"] as const) {
    equal(after[name].zombies, 0, `zombies of the ${name}`);
    const pid = name === "daemon" ? node.daemon.pid : shimOf(node, container.pod);
    const told = `${before[name].fds} descriptors of the ${name} became ${after[name].fds}`;
    // A connection of the test's own client may come and go.
    ok(after[name].fds <= before[name].fds + 2, `${told}:\n${openFiles(pid).join("\n")}`);
  }
  const { memory } = after.daemon;
  ok(memory < before.daemon.memory + growthMiB, `${before.daemon.memory} MiB of the daemon became ${memory}`);
  return after;
}

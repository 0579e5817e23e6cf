import { equal, ok, rejects } from "node:assert/strict";

import { ContainerState } from "@crib/wire/cri";

import { eventually } from "../eventually.ts";
import type { Pod } from "../pod.ts";
import type { ContainerNode } from "./container-node.ts";
import { openFiles, processUse, shimOf, threadsOf } from "./process-use.ts";

/** Numbers before and after. */
type Change = readonly [number, number];

/**
 * The pipes that a shim of containerd 1 forgets to close for each create that its OCI runtime refuses, until Go's garbage collector does: its own
 * ends of both outputs (cmd/containerd-shim-runc-v2/process/init.go, `Create`; 2.1.5 closes them).
 */
const keptPipes = 2;

/** What many starts that failed did to those that tried. */
export interface FailedStarts {
  readonly seconds: number;
  readonly daemonFds: Change;
  readonly daemonThreads: Change;
  readonly shimFds: Change;
  /** Among those, ends of pipes. */
  readonly shimPipes: Change;
  readonly shimThreads: Change;
}

/** Enough for what is made once to be there. */
const warmUp = 10;

/** Threads that Go may add to a shim of its own accord, however many containers there were: it parks them, and never ends them. */
const moreShimThreads = 6;

/**
 * Creates and starts `count` containers, two at a time, whose command is not there, and removes each. Afterwards the daemon and the shim have
 * the descriptors and threads of the beginning, but for pipes that the shim is known to keep, and no child that nobody waited for. A container of
 * the pod has to run.
 */
export async function failedStarts(scene: ContainerNode, pod: Pod, count: number): Promise<FailedStarts> {
  const { node } = scene;
  const daemon = node.daemon.pid;
  const shim = shimOf(node, pod);
  const run = async (total: number): Promise<void> => {
    let next = 0;
    const one = async (): Promise<void> => {
      while (next++ < total) {
        const container = await scene.createContainer(pod, {
          change: (config) => ({ ...config, command: ["/no/such/program"] }),
        });
        await rejects(container.start(), /no\/such\/program/);
        const { state, reason } = await container.status();
        equal(state, ContainerState.CONTAINER_EXITED);
        equal(reason, "StartError");
        await container.remove();
      }
    };
    await Promise.all([one(), one()]);
  };
  const look = () => ({
    daemon: { ...processUse(daemon), threads: threadsOf(daemon) },
    shim: {
      ...processUse(shim),
      threads: threadsOf(shim),
      pipes: openFiles(shim).filter((file) => file.startsWith("pipe:")).length,
    },
  });
  await run(warmUp);
  const before = look();
  const began = performance.now();
  await run(count);
  const seconds = (performance.now() - began) / 1_000;
  return await eventually(10_000, () => {
    const after = look();
    equal(after.daemon.zombies + after.shim.zombies, 0);
    // A connection of a client may come and go.
    ok(after.daemon.fds <= before.daemon.fds + 2, openFiles(daemon).join("\n"));
    ok(after.shim.pipes <= before.shim.pipes + keptPipes * count, openFiles(shim).join("\n"));
    ok(after.shim.fds - after.shim.pipes <= before.shim.fds - before.shim.pipes + 2, openFiles(shim).join("\n"));
    ok(
      after.daemon.threads <= before.daemon.threads,
      `${before.daemon.threads} threads became ${after.daemon.threads}`,
    );
    ok(
      after.shim.threads <= before.shim.threads + moreShimThreads,
      `${before.shim.threads} threads of the shim became ${after.shim.threads}`,
    );
    return {
      seconds,
      daemonFds: [before.daemon.fds, after.daemon.fds] as const,
      daemonThreads: [before.daemon.threads, after.daemon.threads] as const,
      shimFds: [before.shim.fds, after.shim.fds] as const,
      shimPipes: [before.shim.pipes, after.shim.pipes] as const,
      shimThreads: [before.shim.threads, after.shim.threads] as const,
    };
  });
}

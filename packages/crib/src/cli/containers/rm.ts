import { Code, StatusError } from "@crib/errdefs";
import { ContainerState } from "@crib/wire/cri";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { eachTarget } from "./each-target.ts";
import { containerPath, type NamedContainer, podPath } from "./find-container.ts";
import { containerMs, removePod } from "./pods/end-pod.ts";
import { stopContainersOf } from "./stop.ts";

/** The flags of `crib rm`. */
export interface RmOptions extends EndpointOptions {
  /** Also what runs; it is stopped first. */
  readonly force?: true;
}

/** Removes containers, and pods with all that they have. */
export async function rmCommand(words: readonly string[], options: RmOptions): Promise<void> {
  await withClient(options, async (client) => {
    await eachTarget(client, words, async (target, { containers }) => {
      if (target.kind === "container") {
        const { container } = target;
        await endRunning(container, [container]);
        await client.runtime.removeContainer({ containerId: container.id }, { timeoutMs: containerMs });
        return;
      }
      const own = containers.filter(({ pod }) => pod.id === target.pod.id);
      await endRunning(undefined, own);
      await removePod(client, target.pod);
    });

    async function endRunning(
      container: NamedContainer | undefined,
      containers: readonly NamedContainer[],
    ): Promise<void> {
      const running = containers.find(({ state }) => state === ContainerState.CONTAINER_RUNNING);
      if (!running) return;
      if (!options.force) {
        const what = container ? `container "${containerPath(container)}"` : `pod "${podPath(running.pod)}"`;
        const why = container ? "it runs" : `its container "${running.name}" runs`;
        throw new StatusError(Code.FailedPrecondition, `removing ${what}: ${why}; stop it first, or use --force`);
      }
      await stopContainersOf(client, containers, undefined);
    }
  });
}

import type { CriClient } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";
import { ContainerState } from "@crib/wire/cri";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { eachTarget } from "./each-target.ts";
import type { NamedContainer } from "./find-container.ts";
import { stopContainer, stopPod } from "./pods/end-pod.ts";
import { graceAnnotation } from "./pods/pod-labels.ts";

/** Seconds that a container has to end when neither the command nor its manifest says. */
const defaultGraceSeconds = 10;

/** The flags of `crib stop`. */
export interface StopOptions extends EndpointOptions {
  /** Seconds, as typed. */
  readonly time?: string;
}

/** Stops containers, and pods with all of theirs. What does not run any more succeeds. */
export async function stopCommand(words: readonly string[], options: StopOptions): Promise<void> {
  const seconds = options.time === undefined ? undefined : parseSeconds(options.time);
  await withClient(options, async (client) => {
    await eachTarget(client, words, async (target, { containers }) => {
      if (target.kind === "container")
        return await stopContainer(client, target.container.id, graceOf(target.container, seconds));
      await stopContainersOf(
        client,
        containers.filter(({ pod }) => pod.id === target.pod.id),
        seconds,
      );
      await stopPod(client, target.pod.id);
    });
  });
}

/** Stops those that run, all at the same time. */
export async function stopContainersOf(
  client: CriClient,
  containers: readonly NamedContainer[],
  seconds: number | undefined,
): Promise<void> {
  const running = containers.filter(({ state }) => state === ContainerState.CONTAINER_RUNNING);
  await Promise.all(running.map((container) => stopContainer(client, container.id, graceOf(container, seconds))));
}

function graceOf({ annotations }: NamedContainer, seconds: number | undefined): number {
  const own = annotations[graceAnnotation] ?? "";
  return seconds ?? (/^\d{1,9}$/.test(own) ? Number(own) : defaultGraceSeconds);
}

function parseSeconds(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new StatusError(Code.InvalidArgument, `reading --time "${text}": expected a number of seconds`);
}

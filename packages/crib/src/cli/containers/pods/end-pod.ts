import type { CriClient } from "@crib/cri-client";

import type { NamedPod } from "../find-container.ts";
import { podDirectory, removePodDirectory } from "./pod-directory.ts";
import { madeByLabel } from "./pod-labels.ts";

/** Milliseconds for a pod to run or to go, beyond what its containers are given. */
export const podMs = 240_000;

/** Milliseconds for a container to be made, started or removed. */
export const containerMs = 120_000;

/** Stops a pod: every container of it is ended, without much grace. */
export async function stopPod({ runtime }: CriClient, podSandboxId: string): Promise<void> {
  await runtime.stopPodSandbox({ podSandboxId }, { timeoutMs: podMs });
}

/** Stops and removes a pod with all that the command line keeps for it. An unknown one succeeds. */
export async function removePod(client: CriClient, pod: Pick<NamedPod, "id" | "uid" | "labels">): Promise<void> {
  await stopPod(client, pod.id);
  await client.runtime.removePodSandbox({ podSandboxId: pod.id }, { timeoutMs: podMs });
  if (pod.labels[madeByLabel] !== undefined) await removePodDirectory(await podDirectory(client, pod.uid));
}

/** Stops a container that has `graceSeconds` to end by itself. One that does not run succeeds. */
export async function stopContainer({ runtime }: CriClient, containerId: string, graceSeconds: number): Promise<void> {
  const timeoutMs = Math.min(graceSeconds * 1_000 + containerMs, 2_147_483_647);
  await runtime.stopContainer({ containerId, timeout: BigInt(graceSeconds) }, { timeoutMs });
}

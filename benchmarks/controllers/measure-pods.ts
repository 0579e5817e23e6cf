import { createContainer, removePod, runPod } from "../containers/contestant.ts";
import { type Percentiles, percentiles } from "../support/percentiles.ts";
import type { Contender } from "./contender.ts";

/** What is measured, in the order of a pod's life. */
export const podCalls = [
  "RunPodSandbox",
  "CreateContainer",
  "StartContainer",
  "pod to running process",
  "ExecSync",
  "StopPodSandbox",
  "RemovePodSandbox",
  "whole life",
] as const;

/** One of them. */
export type PodCall = (typeof podCalls)[number];

/** Milliseconds of one controller's pods. */
export interface PodFigures {
  readonly controller: string;
  readonly times: Readonly<Record<PodCall, Percentiles>>;
}

/** Alternates between the controllers, a pod each, after one that does not count. */
export async function measurePods(contenders: readonly Contender[], samples: number): Promise<readonly PodFigures[]> {
  const taken = contenders.map((contender) => ({ contender, lives: [] as Readonly<Record<PodCall, number>>[] }));
  for (const { contender } of taken) await livePod(contender);
  for (let sample = 0; sample < samples; sample++) {
    for (const { contender, lives } of taken) lives.push(await livePod(contender));
  }
  return taken.map(({ contender, lives }) => ({
    controller: contender.controller,
    times: Object.fromEntries(
      podCalls.map((call) => [call, percentiles(lives.map((life) => life[call]))]),
    ) as PodFigures["times"],
  }));
}

/** One pod with one container, from request to removal. */
async function livePod(contender: Contender): Promise<Readonly<Record<PodCall, number>>> {
  const { runtime } = contender.server.client;
  const began = performance.now();
  const pod = await runPod(contender);
  try {
    const ran = performance.now();
    const containerId = await createContainer(contender, pod, "first");
    const created = performance.now();
    await runtime.startContainer({ containerId });
    const started = performance.now();
    const { exitCode } = await runtime.execSync({ containerId, cmd: ["true"], timeout: 10n });
    if (exitCode !== 0) throw new Error(`${contender.controller}: "true" left with ${exitCode}`);
    const executed = performance.now();
    await runtime.stopPodSandbox({ podSandboxId: pod.id });
    const stopped = performance.now();
    await runtime.removePodSandbox({ podSandboxId: pod.id });
    const removed = performance.now();
    return {
      RunPodSandbox: ran - began,
      CreateContainer: created - ran,
      StartContainer: started - created,
      "pod to running process": started - began,
      ExecSync: executed - started,
      StopPodSandbox: stopped - executed,
      RemovePodSandbox: removed - stopped,
      "whole life": removed - began,
    };
  } catch (reason) {
    await removePod(contender, pod);
    throw reason;
  }
}

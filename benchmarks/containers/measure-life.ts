import { type Percentiles, percentiles } from "../support/percentiles.ts";
import { type Contestant, createContainer, removePod, runPod } from "./contestant.ts";

/** The calls that are measured, in the order of a pod's life. */
export const lifeCalls = [
  "pod to running process",
  "RunPodSandbox",
  "CreateContainer, first of a pod",
  "StartContainer, first of a pod",
  "CreateContainer",
  "StartContainer",
  "ExecSync true",
  "StopContainer",
  "RemoveContainer",
] as const;

/** One of them. */
export type LifeCall = (typeof lifeCalls)[number];

/** Milliseconds of one runtime's calls. */
export interface LifeFigures {
  readonly runtime: string;
  readonly times: Readonly<Record<LifeCall, Percentiles>>;
}

/** How many pods each runtime has before the next one's turn. */
const batch = 5;

/** ExecSyncs in each pod: they vary more than they cost. */
const execsPerPod = 3;

/** Seconds that a process has to end; all do at once. */
const graceSeconds = 10n;

/** Alternates between the runtimes, a batch of pods with two containers each, after one that does not count. */
export async function measureLife(
  contestants: readonly Contestant[],
  samples: number,
): Promise<readonly LifeFigures[]> {
  const taken = contestants.map((contestant) => ({ contestant, times: noTimes() }));
  for (const { contestant } of taken) await podLife(contestant, noTimes());
  for (let done = 0; done < samples; done += batch) {
    for (const { contestant, times } of taken) {
      for (let pod = done; pod < Math.min(done + batch, samples); pod++) await podLife(contestant, times);
    }
  }
  return taken.map(({ contestant, times }) => ({
    runtime: contestant.server.name,
    times: Object.fromEntries(lifeCalls.map((call) => [call, percentiles(times[call])])) as LifeFigures["times"],
  }));
}

function noTimes(): Record<LifeCall, number[]> {
  return Object.fromEntries(lifeCalls.map((call) => [call, []])) as unknown as Record<LifeCall, number[]>;
}

async function podLife(contestant: Contestant, times: Readonly<Record<LifeCall, number[]>>): Promise<void> {
  const { runtime } = contestant.server.client;
  const timed = async <T>(call: LifeCall, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const result = await work();
    times[call].push(performance.now() - began);
    return result;
  };
  const began = performance.now();
  const pod = await timed("RunPodSandbox", () => runPod(contestant));
  try {
    const first = await timed("CreateContainer, first of a pod", () => createContainer(contestant, pod, "first"));
    await timed("StartContainer, first of a pod", () => runtime.startContainer({ containerId: first }));
    times["pod to running process"].push(performance.now() - began);
    const containerId = await timed("CreateContainer", () => createContainer(contestant, pod, "second"));
    await timed("StartContainer", () => runtime.startContainer({ containerId }));
    for (let exec = 0; exec < execsPerPod; exec++) {
      const { exitCode } = await timed("ExecSync true", () =>
        runtime.execSync({ containerId, cmd: ["true"], timeout: 10n }),
      );
      if (exitCode !== 0) throw new Error(`${contestant.server.name}: "true" left with ${exitCode}`);
    }
    await timed("StopContainer", () => runtime.stopContainer({ containerId, timeout: graceSeconds }));
    await timed("RemoveContainer", () => runtime.removeContainer({ containerId }));
  } finally {
    await removePod(contestant, pod);
  }
}

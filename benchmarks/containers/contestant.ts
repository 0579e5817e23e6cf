import type { ServerProcess } from "../support/server-process.ts";
import { type ContainerConfig, containerOf, type PodConfig, type PodFiles, podOf } from "./pod-request.ts";

/** A runtime that takes part, with the image and what pods need of the host. */
export interface Contestant {
  readonly server: ServerProcess;
  readonly image: string;
  readonly files: PodFiles;
  /** The runtime handler of its pods. Default: the runtime's own. */
  readonly handler?: string;
  /** Aborted: no more is measured, and nothing new is made. Default: it never is. */
  readonly signal?: AbortSignal;
}

/** A pod that runs. */
export interface RunningPod {
  readonly id: string;
  readonly config: PodConfig;
}

/** Waits until it is told to end. */
export const waits: readonly string[] = ["/pause", "-P"];

/** RunPodSandbox. */
export async function runPod({ server, files, handler = "", signal }: Contestant): Promise<RunningPod> {
  signal?.throwIfAborted();
  const config = podOf(files);
  const { podSandboxId } = await server.client.runtime.runPodSandbox({ config, runtimeHandler: handler });
  return { id: podSandboxId, config };
}

/** CreateContainer. Gives the id. */
export async function createContainer(
  { server, image, files, signal }: Contestant,
  pod: RunningPod,
  name: string,
  command: readonly string[] = waits,
): Promise<string> {
  signal?.throwIfAborted();
  const config: ContainerConfig = containerOf(name, image, command, files);
  const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
  const { containerId } = await server.client.runtime.createContainer(request);
  return containerId;
}

/** StopPodSandbox and RemovePodSandbox. */
export async function removePod({ server }: Contestant, { id }: RunningPod): Promise<void> {
  await server.client.runtime.stopPodSandbox({ podSandboxId: id });
  await server.client.runtime.removePodSandbox({ podSandboxId: id });
}

import { randomUUID } from "node:crypto";

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CriClient } from "@crib/cri-client";
import type { ContainerConfigSchema, PodSandboxConfigSchema } from "@crib/wire/cri";

import type { NamedPod } from "../find-container.ts";
import { containerMs, podMs } from "./end-pod.ts";
import { logDirectory, podDirectory } from "./pod-directory.ts";
import { containerLabels, madeByLabel, podLabels } from "./pod-labels.ts";

type Plain<T> = Exclude<NonNullable<T>, { readonly $typeName: string }>;
/** A PodSandboxConfig as it is given to the client. */
export type PodConfig = Plain<MessageInitShape<typeof PodSandboxConfigSchema>>;
/** A ContainerConfig as it is given to the client. */
export type ContainerConfig = Plain<MessageInitShape<typeof ContainerConfigSchema>>;

/** What a pod is asked for with, but for what every pod of the command line has. */
export interface PodRequest {
  readonly name: string;
  readonly namespace: string;
  readonly madeBy: "run" | "apply";
  readonly runtimeHandler: string;
  readonly config: PodConfig;
}

/** A pod that runs, and what its containers are made with. */
export interface RunningPod extends Pick<NamedPod, "id" | "name" | "namespace" | "uid" | "labels"> {
  /** Where the command line keeps what belongs to it. */
  readonly directory: string;
  readonly config: PodConfig;
}

/**
 * Runs a pod. The call is not given up half-way: the daemon would go on without us, and a pod that nobody knows of could not be
 * removed.
 */
export async function runPod(client: CriClient, request: PodRequest): Promise<RunningPod> {
  const { name, namespace, madeBy, runtimeHandler } = request;
  const uid = randomUUID();
  const directory = await podDirectory(client, uid);
  const labels = { ...request.config.labels, ...podLabels({ name, namespace, uid }), [madeByLabel]: madeBy };
  const config: PodConfig = {
    ...request.config,
    metadata: { name, namespace, uid, attempt: 0 },
    logDirectory: logDirectory(directory),
    labels,
  };
  const { podSandboxId: id } = await client.runtime.runPodSandbox({ config, runtimeHandler }, { timeoutMs: podMs });
  return { id, name, namespace, uid, labels, directory, config };
}

/** Creates a container in a pod; gives its id. */
export async function createContainer(
  { runtime }: CriClient,
  pod: RunningPod,
  name: string,
  config: ContainerConfig,
): Promise<string> {
  const whole: ContainerConfig = {
    ...config,
    metadata: { name, attempt: 0 },
    labels: { ...config.labels, ...containerLabels(pod, name) },
    logPath: `${name}.log`,
  };
  const { containerId } = await runtime.createContainer(
    { podSandboxId: pod.id, config: whole, sandboxConfig: pod.config },
    { timeoutMs: containerMs },
  );
  return containerId;
}

/** Starts a container. */
export async function startContainer({ runtime }: CriClient, containerId: string): Promise<void> {
  await runtime.startContainer({ containerId }, { timeoutMs: containerMs });
}

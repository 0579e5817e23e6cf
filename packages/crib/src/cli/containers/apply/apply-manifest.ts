import { type CriClient, waitForExit } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";

import { type Inventory, podPath } from "../find-container.ts";
import { readWholeLog } from "../logs/read-whole-log.ts";
import { removePod } from "../pods/end-pod.ts";
import { ensureImage, type PresentImage, type PullPolicy } from "../pods/ensure-image.ts";
import { manifestLabel } from "../pods/pod-labels.ts";
import { createContainer, type RunningPod, runPod, startContainer } from "../pods/run-pod.ts";
import { containerRequest } from "./container-request.ts";
import type { ContainerManifest, PodManifest } from "./pod-manifest.ts";
import { podRequest } from "./pod-request.ts";
import { prepareVolumes, type Volumes } from "./prepare-volumes.ts";
import type { ReadManifest } from "./read-manifests.ts";

/** Bytes of the log of an init container that failed which are shown. */
const shownLogBytes = 2_000;

/** What became of a manifest. */
export interface Applied {
  readonly what: "created" | "unchanged";
  readonly podId: string;
  /** Ids of the containers that the pod is for, by name. */
  readonly containers: ReadonlyMap<string, string>;
}

/**
 * Makes a manifest's pod, unless it runs already: init containers one after another, then the others. When anything fails, or `signal` is
 * aborted, all of it is removed. AlreadyExists for a pod of this name from another manifest.
 */
export async function applyManifest(
  client: CriClient,
  read: ReadManifest,
  inventory: Inventory,
  signal: AbortSignal,
): Promise<Applied> {
  const known = findApplied(read, inventory);
  if (known) return known;
  const { spec } = read.manifest;
  const handler = spec.runtimeClassName ?? "";
  const images = await ensureImages(client, read.manifest, handler, signal);
  signal.throwIfAborted();
  const pod = await runPod(client, podRequest(read));
  try {
    const containers = await fillPod(client, read.manifest, pod, images, signal);
    return { what: "created", podId: pod.id, containers };
  } catch (reason) {
    await removePod(client, pod).catch((clearing: unknown) => {
      throw new SuppressedError(clearing, reason);
    });
    throw reason;
  }
}

/** The pod that an earlier run made of the same manifest. */
function findApplied({ manifest, hash }: ReadManifest, { pods, containers }: Inventory): Applied | undefined {
  const { name, namespace = "default" } = manifest.metadata;
  const found = pods.filter((pod) => pod.name === name && pod.namespace === namespace);
  const pod = found.find(({ isReady }) => isReady) ?? found[0];
  if (!pod) return undefined;
  const path = podPath(pod);
  const refuse = (why: string): StatusError =>
    new StatusError(Code.AlreadyExists, `applying pod "${path}": ${why}; remove it first: crib rm -f ${path}`);
  if (pod.labels[manifestLabel] === undefined) throw refuse("there is one that crib apply did not make");
  if (!pod.isReady) throw refuse("there is one that was stopped");
  if (pod.labels[manifestLabel] !== hash) throw refuse("there is one of another manifest, and pods cannot be changed");
  const ids = new Map(containers.filter((each) => each.pod.id === pod.id).map(({ name, id }) => [name, id]));
  const missing = manifest.spec.containers.find((container) => !ids.has(container.name));
  if (missing) throw refuse(`its container "${missing.name}" is missing`);
  const own = manifest.spec.containers.map((container) => [container.name, ids.get(container.name) ?? ""] as const);
  return { what: "unchanged", podId: pod.id, containers: new Map(own) };
}

/** Images by the names that the manifest has for them, with their pull policies. */
async function ensureImages(
  client: CriClient,
  { spec }: PodManifest,
  runtimeHandler: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, PresentImage>> {
  const wanted: readonly (readonly [string, PullPolicy | undefined])[] = [
    ...[...(spec.initContainers ?? []), ...spec.containers].map(
      ({ image, imagePullPolicy }) => [image, imagePullPolicy] as const,
    ),
    ...(spec.volumes ?? []).flatMap(({ image }) => (image ? [[image.reference, image.pullPolicy] as const] : [])),
  ];
  const images = new Map<string, PresentImage>();
  for (const [image, policy = defaultPolicy(image)] of wanted) {
    // Once a run is always enough.
    if (images.has(image) && policy !== "Never") continue;
    images.set(image, await ensureImage(client, image, { policy, runtimeHandler, signal }));
  }
  return images;
}

/** As Kubernetes has it: what may have moved meanwhile is asked for again. */
export function defaultPolicy(image: string): PullPolicy {
  if (image.includes("@") || /^(sha256:)?[0-9a-f]{64}$/.test(image)) return "IfNotPresent";
  const tag = /:([^/:]+)$/.exec(image)?.[1];
  return tag === undefined || tag === "latest" ? "Always" : "IfNotPresent";
}

async function fillPod(
  client: CriClient,
  manifest: PodManifest,
  pod: RunningPod,
  images: ReadonlyMap<string, PresentImage>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const ids = new Map([...images].map(([name, { id }]) => [name, id]));
  const volumes = await prepareVolumes(manifest, pod.directory, ids);
  const scene = await sceneOf(client, manifest, pod, volumes);
  const begin = async (container: ContainerManifest): Promise<string> => {
    signal.throwIfAborted();
    const image = images.get(container.image) ?? { id: container.image, uid: undefined, username: "" };
    const id = await createContainer(client, pod, container.name, containerRequest(container, { ...scene, image }));
    await startContainer(client, id);
    return id;
  };
  for (const container of manifest.spec.initContainers ?? []) {
    const id = await begin(container);
    if (container.restartPolicy !== "Always") await expectSuccess(client, container.name, id, signal);
  }
  const started = new Map<string, string>();
  for (const container of manifest.spec.containers) started.set(container.name, await begin(container));
  return started;
}

async function sceneOf({ runtime }: CriClient, manifest: PodManifest, pod: RunningPod, volumes: Volumes) {
  const [{ status }, { runtimeHandlers }] = await Promise.all([
    runtime.podSandboxStatus({ podSandboxId: pod.id }),
    runtime.status({}),
  ]);
  const network = status?.network;
  const addresses = [network?.ip ?? "", ...(network?.additionalIps ?? []).map(({ ip }) => ip)];
  const handler = runtimeHandlers.find(({ name }) => name === (status?.runtimeHandler ?? ""));
  return {
    manifest,
    volumes,
    facts: { uid: pod.uid, addresses: addresses.filter((address) => address !== "") },
    canMountRecursivelyReadOnly: handler?.features?.recursiveReadOnlyMounts === true,
  };
}

async function expectSuccess(client: CriClient, name: string, id: string, signal: AbortSignal): Promise<void> {
  const { exitCode, reason } = await waitForExit(client, id, signal);
  if (exitCode === 0) return;
  const { status } = await client.runtime.containerStatus({ containerId: id });
  const log = await readWholeLog(status?.logPath ?? "");
  const said = log.subarray(-shownLogBytes).toString().trim();
  const why = `it ended with exit code ${exitCode}${reason === "Error" ? "" : ` (${reason})`}`;
  throw new StatusError(
    Code.FailedPrecondition,
    `running init container "${name}": ${why}${said === "" ? "" : `, having said: ${said}`}`,
  );
}

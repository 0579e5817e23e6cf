import type { CriClient } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";
import { ContainerState } from "@crib/wire/cri";

import { shortId } from "../images/short-id.ts";

/** A container as people name it, with the pod that it is in. */
export interface NamedContainer {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: ContainerState;
  /** Nanoseconds since 1970. */
  readonly createdAt: bigint;
  /** The image as it was asked for. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly pod: NamedPod;
}

/** A pod as people name it. */
export interface NamedPod {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly isReady: boolean;
  /** Nanoseconds since 1970. */
  readonly createdAt: bigint;
  readonly handler: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** All pods and containers of a daemon, the newest first. */
export interface Inventory {
  readonly pods: readonly NamedPod[];
  readonly containers: readonly NamedContainer[];
}

/** Lists all pods and containers. A container whose pod went meanwhile is left out. */
export async function listInventory({ runtime }: CriClient): Promise<Inventory> {
  const [{ containers }, { items }] = await Promise.all([runtime.listContainers({}), runtime.listPodSandbox({})]);
  const pods = items
    .toSorted(newestFirst)
    .map(({ id, metadata, state, createdAt, runtimeHandler, labels, annotations }): NamedPod => ({
      id,
      name: metadata?.name ?? "",
      namespace: metadata?.namespace ?? "",
      uid: metadata?.uid ?? "",
      isReady: state === 0,
      createdAt,
      handler: runtimeHandler,
      labels,
      annotations,
    }));
  const byId = new Map(pods.map((pod) => [pod.id, pod]));
  const named = containers.toSorted(newestFirst).flatMap((container): NamedContainer[] => {
    const { id, podSandboxId, metadata, state, createdAt, image, imageRef, labels, annotations } = container;
    const pod = byId.get(podSandboxId);
    if (!pod) return [];
    const { name = "", attempt = 0 } = metadata ?? {};
    const asked = image?.userSpecifiedImage || image?.image || imageRef;
    return [{ id, name, attempt, state, createdAt, image: asked, labels, annotations, pod }];
  });
  return { pods, containers: named };
}

function newestFirst(a: { readonly createdAt: bigint }, b: { readonly createdAt: bigint }): number {
  return Number(b.createdAt - a.createdAt);
}

/**
 * The container that a word means: an id, POD/CONTAINER, NAMESPACE/POD/CONTAINER, a container's name, the name of a pod that
 * has only one, or the start of an id of either. Of several attempts the running one, else the newest. NotFound; InvalidArgument
 * when several are meant.
 */
export function chooseContainer({ containers }: Pick<Inventory, "containers">, word: string): NamedContainer {
  const doing = `looking for container "${word}"`;
  const first = containersMeant(containers, word);
  const latest = latestAttempts(first);
  const [only, ...others] = latest;
  if (!only) throw new StatusError(Code.NotFound, `${doing}: none has this name or an id that begins with it`);
  if (others.length > 0) throw ambiguous(doing, latest.map(describeContainer));
  return only;
}

/** What a word means to a command that takes pods and containers. */
export type Target =
  | { readonly kind: "pod"; readonly pod: NamedPod }
  | { readonly kind: "container"; readonly container: NamedContainer };

/**
 * The pod or container that a word means. A name that a pod and one of its own containers share means the pod. NotFound;
 * InvalidArgument when several are meant.
 */
export function chooseTarget({ pods, containers }: Inventory, word: string): Target {
  const doing = `looking for "${word}"`;
  for (const stage of [isExactId, isNamed, beginsId]) {
    const foundPods = pods.filter((pod) => stage(pod, word, podNames(pod)));
    const podIds = new Set(foundPods.map(({ id }) => id));
    const foundContainers = latestAttempts(
      containers.filter(
        (container) => !podIds.has(container.pod.id) && stage(container, word, containerNames(container)),
      ),
    );
    const found: readonly Target[] = [
      ...foundPods.map((pod): Target => ({ kind: "pod", pod })),
      ...foundContainers.map((container): Target => ({ kind: "container", container })),
    ];
    const [only, ...others] = found;
    if (others.length > 0) throw ambiguous(doing, found.map(describeTarget));
    if (only) return only;
  }
  throw new StatusError(Code.NotFound, `${doing}: no pod or container has this name or an id that begins with it`);
}

/** `POD/CONTAINER`, with the namespace where it is not the usual one. */
export function containerPath({ name, pod }: NamedContainer): string {
  return `${podPath(pod)}/${name}`;
}

/** `POD`, with the namespace in front where it is not `default`. */
export function podPath({ name, namespace }: Pick<NamedPod, "name" | "namespace">): string {
  return namespace === "default" ? name : `${namespace}/${name}`;
}

function containersMeant(containers: readonly NamedContainer[], word: string): readonly NamedContainer[] {
  const stages = [
    (each: NamedContainer) => isExactId(each, word),
    (each: NamedContainer) => isNamed(each, word, containerNames(each)),
    (each: NamedContainer) => isNamed(each.pod, word, podNames(each.pod)),
    (each: NamedContainer) => beginsId(each, word),
    (each: NamedContainer) => beginsId(each.pod, word),
  ];
  for (const stage of stages) {
    const found = containers.filter(stage);
    if (found.length > 0) return found;
  }
  return [];
}

function podNames({ name, namespace }: NamedPod): readonly string[] {
  return [name, `${namespace}/${name}`];
}

function containerNames({ name, pod }: NamedContainer): readonly string[] {
  return [name, `${pod.name}/${name}`, `${pod.namespace}/${pod.name}/${name}`];
}

function isExactId({ id }: { readonly id: string }, word: string): boolean {
  return id === word;
}

function isNamed(_: unknown, word: string, names: readonly string[]): boolean {
  return names.includes(word);
}

function beginsId({ id }: { readonly id: string }, word: string): boolean {
  return word !== "" && id.startsWith(word);
}

/** Of attempts of one container of one pod the running one, else the newest; the list has the newest first. */
function latestAttempts(containers: readonly NamedContainer[]): readonly NamedContainer[] {
  const chosen = new Map<string, NamedContainer>();
  for (const container of containers) {
    const key = `${container.pod.id}/${container.name}`;
    const known = chosen.get(key);
    const runs = container.state === ContainerState.CONTAINER_RUNNING;
    if (!known || (runs && known.state !== ContainerState.CONTAINER_RUNNING)) chosen.set(key, container);
  }
  return [...chosen.values()];
}

function describeContainer(container: NamedContainer): string {
  return `container ${containerPath(container)} (${shortId(container.id)})`;
}

function describeTarget(target: Target): string {
  if (target.kind === "container") return describeContainer(target.container);
  return `pod ${podPath(target.pod)} (${shortId(target.pod.id)})`;
}

function ambiguous(doing: string, candidates: readonly string[]): StatusError {
  return new StatusError(Code.InvalidArgument, `${doing}: it may mean ${candidates.join(", ")}`);
}

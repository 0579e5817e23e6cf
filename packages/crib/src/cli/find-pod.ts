import type { CriClient } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";

type Runtime = CriClient["runtime"];
type Listed = Awaited<ReturnType<Runtime["listPodSandbox"]>>["items"][number];

/** The verbose status of a pod sandbox. */
export type PodStatus = Awaited<ReturnType<Runtime["podSandboxStatus"]>>;

/**
 * The verbose status of the pod that a word means: an id, a pod's name, NAMESPACE/NAME, or the start of an id. Of several
 * attempts of one pod the ready one, else the newest. NotFound; InvalidArgument when several pods are meant.
 */
export async function findPod({ runtime }: CriClient, word: string): Promise<PodStatus> {
  const { items } = await runtime.listPodSandbox({});
  const id = choosePod(items, word);
  return await runtime.podSandboxStatus({ podSandboxId: id, verbose: true });
}

/** The id that a word means among the pods listed; separate from the call to be tested by itself. */
export function choosePod(items: readonly Listed[], word: string): string {
  const doing = `looking for pod "${word}"`;
  const exact = items.find(({ id }) => id === word);
  if (exact) return exact.id;
  const named = items.filter(({ metadata }) => word === metadata?.name || word === qualifiedName(metadata));
  const found = named.length > 0 ? named : items.filter(({ id }) => word !== "" && id.startsWith(word));
  const [first, ...others] = found.toSorted(byReadinessThenAge);
  if (!first) throw new StatusError(Code.NotFound, `${doing}: no pod has this name or an id that begins with it`);
  // Attempts of one pod are told apart by their state; different pods are not.
  const different = others.filter(({ metadata }) => qualifiedName(metadata) !== qualifiedName(first.metadata));
  if (different.length > 0) {
    const all = [first, ...different].map(({ id, metadata }) => `${qualifiedName(metadata)} (${id.slice(0, 13)})`);
    throw new StatusError(Code.InvalidArgument, `${doing}: it may mean ${all.join(", ")}`);
  }
  return first.id;
}

function qualifiedName(metadata: Listed["metadata"]): string {
  return `${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`;
}

/** SANDBOX_READY is 0. */
function byReadinessThenAge(a: Listed, b: Listed): number {
  return a.state - b.state || Number(b.createdAt - a.createdAt);
}

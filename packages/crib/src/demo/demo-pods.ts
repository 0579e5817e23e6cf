import { randomUUID } from "node:crypto";

import type { CriClient } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";
import { NamespaceMode } from "@crib/wire/cri";

/** Milliseconds for a pod to run, or to go. */
const podMs = 120_000;

/** A pod that runs. */
export interface DemoPod {
  readonly name: string;
  readonly id: string;
  readonly ip: string;
  /** Milliseconds of the RunPodSandbox call as the client saw it. */
  readonly runMs: number;
}

/**
 * Runs a pod with a network of its own, as the kubelet asks for one. The call is not given up half-way: the daemon would
 * go on without us, and a pod that nobody knows of could not be removed.
 */
export async function runDemoPod({ runtime }: CriClient, name: string, signal: AbortSignal): Promise<DemoPod> {
  signal.throwIfAborted();
  const metadata = { name, namespace: "demo", uid: randomUUID(), attempt: 0 };
  const namespaceOptions = { network: NamespaceMode.POD, pid: NamespaceMode.CONTAINER, ipc: NamespaceMode.POD };
  const started = performance.now();
  const { podSandboxId: id } = await runtime.runPodSandbox(
    { config: { metadata, labels: { app: name }, linux: { securityContext: { namespaceOptions } } } },
    { timeoutMs: podMs },
  );
  const runMs = performance.now() - started;
  signal.throwIfAborted();
  const { status } = await runtime.podSandboxStatus({ podSandboxId: id });
  const ip = status?.network?.ip;
  if (!ip) throw new StatusError(Code.Internal, `running pod "${name}": it has no address`);
  return { name, id, ip, runMs };
}

/** Stops and removes every pod of the endpoint: all of them are the demo's, the daemon is its own. */
export async function removeDemoPods({ runtime }: CriClient): Promise<void> {
  const { items } = await runtime.listPodSandbox({});
  const removals = items.map(async ({ id }) => {
    await runtime.stopPodSandbox({ podSandboxId: id }, { timeoutMs: podMs });
    await runtime.removePodSandbox({ podSandboxId: id }, { timeoutMs: podMs });
  });
  await Promise.all(removals);
}

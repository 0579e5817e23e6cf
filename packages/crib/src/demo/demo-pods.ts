import { randomUUID } from "node:crypto";

import type { CriClient } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";
import { NamespaceMode } from "@crib/wire/cri";

/** Milliseconds for a pod to run, or to go. */
const podMs = 120_000;

/** A pod that runs. */
export interface DemoPod {
  readonly name: string;
  readonly uid: string;
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
  const uid = randomUUID();
  const metadata = { name, namespace: "demo", uid, attempt: 0 };
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
  return { name, uid, id, ip, runMs };
}

/** A container that runs in a pod of the demo. */
export interface DemoContainer {
  readonly id: string;
  /** Milliseconds of CreateContainer and StartContainer together. */
  readonly startMs: number;
}

/** Runs a program of the demo's image in a pod. */
export async function runDemoContainer(
  { runtime }: CriClient,
  pod: DemoPod,
  image: string,
  command: readonly string[],
): Promise<DemoContainer> {
  const started = performance.now();
  const { containerId: id } = await runtime.createContainer(
    {
      podSandboxId: pod.id,
      config: { metadata: { name: "main", attempt: 0 }, image: { image }, command: [...command] },
      sandboxConfig: { metadata: { name: pod.name, namespace: "demo", uid: pod.uid, attempt: 0 } },
    },
    { timeoutMs: podMs },
  );
  await runtime.startContainer({ containerId: id }, { timeoutMs: podMs });
  return { id, startMs: performance.now() - started };
}

/** What a command in a container prints. Unavailable when it fails, or takes 20 s. */
export async function askInContainer(
  { runtime }: CriClient,
  { id }: DemoContainer,
  command: readonly string[],
): Promise<string> {
  const { exitCode, stdout, stderr } = await runtime.execSync({ containerId: id, cmd: [...command], timeout: 20n });
  if (exitCode === 0) return Buffer.from(stdout).toString();
  const why = Buffer.from(stderr).toString().trim();
  throw new StatusError(Code.Unavailable, `running "${command.join(" ")}": it left with ${exitCode}: ${why}`);
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

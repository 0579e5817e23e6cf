import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import type { CriClient } from "../connect-cri.ts";
import { PortForwards } from "./port-forwards.ts";
import { runContainer } from "./run-container.ts";
import type { ContainerOptions, PodConfig, PodOptions, RunningContainer, RunningPod } from "./types.ts";

/** Milliseconds for a pod to run or to go; the kubelet waits as long. */
const podMs = 240_000;

/**
 * Runs a pod on any CRI endpoint. Its attempt is 0 and its uid a new one, so that no two calls mean the same pod. When it fails nothing is
 * left; a call whose answer is lost leaves a pod that `crictl pods` shows.
 */
export async function runPod(client: CriClient, options: PodOptions = {}): Promise<RunningPod> {
  const { namespace = "default", runtimeHandler = "", labels = {}, annotations = {}, change, timeoutMs } = options;
  const uid = randomUUID();
  const name = options.name ?? `pod-${uid.slice(0, 8)}`;
  const ownLogs = options.logDirectory === undefined ? await mkdtemp(join(tmpdir(), "crib-pod-")) : undefined;
  const asked: PodConfig = {
    metadata: { name, namespace, uid, attempt: 0 },
    hostname: name,
    logDirectory: options.logDirectory ?? ownLogs ?? "",
    labels: { ...labels },
    annotations: { ...annotations },
    linux: { securityContext: { namespaceOptions: {} } },
  };
  const config = change?.(asked) ?? asked;
  const dropLogs = async (): Promise<void> => {
    if (ownLogs !== undefined) await rm(ownLogs, { recursive: true, force: true });
  };
  try {
    const { podSandboxId } = await client.runtime.runPodSandbox(
      { config, runtimeHandler },
      { timeoutMs: timeoutMs ?? podMs },
    );
    return await openPod(client, podSandboxId, config, dropLogs);
  } catch (reason) {
    await dropLogs();
    throw reason;
  }
}

async function openPod(
  client: CriClient,
  id: string,
  config: PodConfig,
  dropLogs: () => Promise<void>,
): Promise<RunningPod> {
  const pod = new Pod(client, id, config, dropLogs);
  try {
    await pod.learnAddresses();
    return pod;
  } catch (reason) {
    await pod.remove();
    throw reason;
  }
}

class Pod implements RunningPod {
  readonly id: string;
  readonly config: PodConfig;
  addresses: readonly string[] = [];
  readonly #client: CriClient;
  readonly #dropLogs: () => Promise<void>;
  readonly #forwards = new Set<PortForwards>();
  #containers = 0;

  constructor(client: CriClient, id: string, config: PodConfig, dropLogs: () => Promise<void>) {
    this.id = id;
    this.config = config;
    this.#client = client;
    this.#dropLogs = dropLogs;
  }

  async learnAddresses(): Promise<void> {
    const { network } = await this.status();
    const more = network?.additionalIps.map(({ ip }) => ip) ?? [];
    this.addresses = [network?.ip ?? "", ...more].filter((ip) => ip !== "");
  }

  async status(): Promise<Awaited<ReturnType<RunningPod["status"]>>> {
    const { status } = await this.#client.runtime.podSandboxStatus({ podSandboxId: this.id });
    if (status) return status;
    throw new StatusError(Code.Internal, `looking at pod "${this.id}": the answer has no status`);
  }

  async runContainer(options: ContainerOptions): Promise<RunningContainer> {
    this.#containers += 1;
    const name = options.name ?? `container-${this.#containers}`;
    return await runContainer(this.#client, this, { ...options, name });
  }

  async forwardPort(remote: number, local = 0): Promise<{ readonly port: number } & AsyncDisposable> {
    const forwards = new PortForwards({ client: this.#client, podSandboxId: this.id });
    this.#forwards.add(forwards);
    const close = async (): Promise<void> => {
      this.#forwards.delete(forwards);
      await forwards[Symbol.asyncDispose]();
    };
    try {
      await forwards.open();
      return { port: await forwards.listen(local, remote), [Symbol.asyncDispose]: close };
    } catch (reason) {
      await close();
      throw reason;
    }
  }

  async stop(): Promise<void> {
    for (const forwards of this.#forwards) await forwards[Symbol.asyncDispose]();
    this.#forwards.clear();
    await this.#client.runtime.stopPodSandbox({ podSandboxId: this.id }, { timeoutMs: podMs });
  }

  async remove(): Promise<void> {
    await this.stop();
    await this.#client.runtime.removePodSandbox({ podSandboxId: this.id }, { timeoutMs: podMs });
    await this.#dropLogs();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}

import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import type { CriClient } from "../connect-cri.ts";
import { followFile } from "../logs/follow-file.ts";
import { LogDecoder, type LogEntry } from "../logs/log-decoder.ts";
import { execInContainer } from "./exec-in-container.ts";
import type {
  ContainerConfig,
  ContainerOptions,
  ExecOptions,
  ExecResult,
  LogsOptions,
  RunningContainer,
  RunningPod,
} from "./types.ts";
import { type ContainerEnd, waitForExit } from "./wait-for-exit.ts";

/** Milliseconds for a container to be made, started or removed. */
const containerMs = 120_000;
/** Seconds that a program has to end. */
const usualGraceSeconds = 10;

/** The pod that a container is made in. */
type Pod = Pick<RunningPod, "id" | "config">;

/** Creates and starts a container; one that does not start is removed. */
export async function runContainer(
  client: CriClient,
  pod: Pod,
  options: ContainerOptions & { readonly name: string },
): Promise<RunningContainer> {
  const { runtime } = client;
  const { image, name, command = [], args = [], env = {}, change, pull = "IfNotPresent" } = options;
  await ensureImage(client, image, pull, pod);
  const asked: ContainerConfig = {
    metadata: { name, attempt: 0 },
    image: { image },
    command: [...command],
    args: [...args],
    envs: Object.entries(env).map(([key, value]) => ({ key, value: Buffer.from(value) })),
    logPath: `${name}.log`,
    linux: {},
  };
  const config = change?.(asked) ?? asked;
  const { containerId } = await runtime.createContainer(
    { podSandboxId: pod.id, config, sandboxConfig: pod.config },
    { timeoutMs: containerMs },
  );
  const container = new Container(client, pod, containerId, name, config.logPath ?? "");
  try {
    await runtime.startContainer({ containerId }, { timeoutMs: containerMs });
    return container;
  } catch (reason) {
    await container.remove();
    throw reason;
  }
}

async function ensureImage(
  { image: images }: CriClient,
  image: string,
  pull: NonNullable<ContainerOptions["pull"]>,
  { config }: Pod,
): Promise<void> {
  if (pull !== "Always") {
    const { image: found } = await images.imageStatus({ image: { image } });
    if (found) return;
    if (pull === "Never") throw new StatusError(Code.NotFound, `finding image "${image}": it is not here`);
  }
  await images.pullImage({ image: { image }, sandboxConfig: config });
}

class Container implements RunningContainer {
  readonly id: string;
  readonly name: string;
  readonly #client: CriClient;
  readonly #logFile: string | undefined;

  constructor(client: CriClient, pod: Pod, id: string, name: string, logPath: string) {
    this.id = id;
    this.name = name;
    this.#client = client;
    const { logDirectory = "" } = pod.config;
    this.#logFile = logDirectory === "" || logPath === "" ? undefined : join(logDirectory, logPath);
  }

  async status(): Promise<Awaited<ReturnType<RunningContainer["status"]>>> {
    const { status } = await this.#client.runtime.containerStatus({ containerId: this.id });
    if (status) return status;
    throw new StatusError(Code.Internal, `looking at container "${this.id}": the answer has no status`);
  }

  async wait(signal?: AbortSignal): Promise<ContainerEnd> {
    return await waitForExit(this.#client, this.id, signal);
  }

  async exec(command: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return await execInContainer(this.#client, this.id, command, options);
  }

  async *logs({ follow = false, signal }: LogsOptions = {}): AsyncGenerator<LogEntry> {
    if (this.#logFile === undefined) {
      throw new StatusError(Code.FailedPrecondition, `reading the log of container "${this.id}": it has none`);
    }
    const leaving = new AbortController();
    const ends = signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal;
    let isComplete = !follow;
    let failure: unknown;
    if (follow) {
      const fail = (reason: unknown): void => {
        if (!ends.aborted) failure = reason;
        isComplete = true;
      };
      this.wait(ends).then(() => (isComplete = true), fail);
    }
    try {
      const decoder = new LogDecoder();
      for await (const piece of followFile(this.#logFile, { isComplete: () => isComplete, signal: ends })) {
        yield* decoder.decode(piece);
      }
      if (failure !== undefined) throw failure;
    } finally {
      leaving.abort();
    }
  }

  async stop(graceSeconds = usualGraceSeconds): Promise<void> {
    const timeoutMs = graceSeconds * 1_000 + containerMs;
    await this.#client.runtime.stopContainer({ containerId: this.id, timeout: BigInt(graceSeconds) }, { timeoutMs });
  }

  async remove(): Promise<void> {
    await this.stop(0);
    await this.#client.runtime.removeContainer({ containerId: this.id }, { timeoutMs: containerMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}

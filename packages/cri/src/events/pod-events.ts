import type { ContainerRecord, Containers } from "@crib/core/containers";
import type { PodSandboxes, SandboxRecord } from "@crib/core/sandbox";
import { StatusError } from "@crib/errdefs";

import type { CriLog } from "../types.ts";
import { type Backlog, createBacklog } from "./backlog.ts";

/** A change of a pod or container, with what was true of the pod and all its containers at that moment. */
export interface PodEvent {
  /** Of the container, or of the pod sandbox. */
  readonly id: string;
  readonly kind: "created" | "started" | "stopped" | "deleted";
  readonly at: Date;
  /** Absent when the pod is not known any more. */
  readonly sandbox: SandboxRecord | undefined;
  readonly containers: readonly ContainerRecord[];
}

/** The events of all pods and containers, in the order they happened. */
export interface PodEvents extends AsyncDisposable {
  /** How many watch at this moment. */
  readonly readers: number;
  /**
   * Events from now on, and before them those that nobody has been given in the last five minutes. A reader that is more than a
   * thousand events behind fails with ResourceExhausted. Ends when left, or with `signal`.
   */
  watch(signal: AbortSignal): AsyncGenerator<PodEvent>;
}

/** What events are made from. */
export interface PodEventSources {
  readonly sandboxes: Pick<PodSandboxes, "watch" | "get" | "list">;
  readonly containers: Pick<Containers, "watch" | "list">;
  readonly log: CriLog;
}

/** Begins to watch pods and containers. Disposing ends that. */
export function watchPodEvents({ sandboxes, containers, log }: PodEventSources): PodEvents {
  const ending = new AbortController();
  const backlog: Backlog<PodEvent> = createBacklog();
  const add = (event: Omit<PodEvent, "containers">, sandboxId: string, replaced?: ContainerRecord): void => {
    const all = containers.list({ sandboxId });
    backlog.push({ ...event, containers: all.map((one) => (one.id === replaced?.id ? replaced : one)) });
  };
  const ofSandboxes = async (): Promise<void> => {
    for await (const { kind, record, at } of sandboxes.watch(ending.signal)) {
      add({ id: record.id, kind, at, sandbox: record }, record.id);
    }
  };
  const ofContainers = async (): Promise<void> => {
    for await (const { kind, record, at } of containers.watch(ending.signal)) {
      const { sandboxId } = record.plan;
      const [sandbox] = sandboxes.list({ id: sandboxId });
      add({ id: record.id, kind, at, sandbox }, sandboxId, record);
    }
  };
  const run = (pump: () => Promise<void>): Promise<void> =>
    pump().catch((reason: unknown) => {
      if (ending.signal.aborted) return;
      log.error({ error: StatusError.from(reason).message }, "events are not told any more");
      backlog.fail(reason);
    });
  const running = Promise.all([run(ofSandboxes), run(ofContainers)]);
  return {
    get readers(): number {
      return backlog.readers;
    },
    watch: (signal) => backlog.read(signal),
    async [Symbol.asyncDispose](): Promise<void> {
      ending.abort();
      await running;
    },
  };
}

import type {
  ControllerFacts,
  PodSandboxes,
  PodSandboxRequest,
  SandboxEvent,
  SandboxFilter,
  SandboxRecord,
} from "@crib/core/sandbox";
import { Code, StatusError } from "@crib/errdefs";

import { sandboxRecord } from "./sandbox-record.ts";
import { watchable } from "./watchable.ts";

/** Sandboxes in memory, for tests of what stands above them: no host is touched, every state can be set. */
export class MemoryPodSandboxes implements PodSandboxes {
  readonly records = new Map<string, SandboxRecord>();
  readonly requests: PodSandboxRequest[] = [];
  readonly updates: unknown[] = [];
  /** What controllers say of pods, and how often they were asked. */
  facts: ControllerFacts | undefined;
  described = 0;
  readonly #events = watchable<SandboxEvent>();
  /** Waited for by `run`; a test replaces it to hold a run or to make it fail. */
  beforeRun: (signal: AbortSignal) => Promise<void> = async () => {};

  async run(request: PodSandboxRequest, signal: AbortSignal): Promise<string> {
    this.requests.push(request);
    await this.beforeRun(signal);
    const id = (this.records.size + 1).toString(16).padStart(2, "0").repeat(32);
    const record = sandboxRecord(id, request);
    this.records.set(id, record);
    this.publish("created", record);
    this.publish("started", record);
    return id;
  }

  async stop(id: string): Promise<void> {
    const record = this.#find(id);
    if (record) this.set({ ...record, state: "notready" });
  }

  async remove(id: string): Promise<void> {
    const record = this.#find(id);
    if (!record) return;
    this.records.delete(record.id);
    this.publish("deleted", { ...record, state: "removing" });
  }

  get(idOrPrefix: string): SandboxRecord {
    const record = this.#find(idOrPrefix);
    if (record) return record;
    throw new StatusError(Code.NotFound, `sandbox "${idOrPrefix}": not found`);
  }

  async describe(): Promise<ControllerFacts | undefined> {
    this.described += 1;
    return this.facts;
  }

  async metrics(): Promise<undefined> {
    return undefined;
  }

  list(filter: SandboxFilter = {}): readonly SandboxRecord[] {
    return [...this.records.values()].filter(
      ({ id, state, plan }) =>
        id.startsWith(filter.id ?? "") &&
        (filter.ready === undefined || filter.ready === (state === "ready")) &&
        Object.entries(filter.labels ?? {}).every(([key, value]) => plan.labels[key] === value),
    );
  }

  async update(id: string, change: unknown): Promise<void> {
    this.updates.push({ id, change });
  }

  watch(signal: AbortSignal): AsyncGenerator<SandboxEvent> {
    return this.#events.watch(signal);
  }

  /** How many watches are open. */
  get watching(): number {
    return this.#events.watching();
  }

  /** Replaces a record, and tells of it when it is stopped. */
  set(record: SandboxRecord): void {
    this.records.set(record.id, record);
    if (record.state === "notready") this.publish("stopped", record);
  }

  publish(kind: SandboxEvent["kind"], record: SandboxRecord): void {
    this.#events.publish({ kind, record, at: new Date(1_700_000_000_000) });
  }

  #find(prefix: string): SandboxRecord | undefined {
    const found = [...this.records.values()].filter(({ id }) => id.startsWith(prefix));
    if (found.length > 1) throw new StatusError(Code.InvalidArgument, `sandbox "${prefix}": names several`);
    return found[0];
  }
}

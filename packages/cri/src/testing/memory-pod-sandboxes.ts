import type {
  ControllerFacts,
  PodSandboxes,
  PodSandboxRequest,
  SandboxFilter,
  SandboxRecord,
} from "@crib/core/sandbox";

import { MemoryRecords } from "./memory-records.ts";
import { sandboxRecord } from "./sandbox-record.ts";

/** Sandboxes in memory, for tests of what stands above them: no host is touched, every state can be set. */
export class MemoryPodSandboxes extends MemoryRecords<SandboxRecord> implements PodSandboxes {
  readonly requests: PodSandboxRequest[] = [];
  readonly updates: unknown[] = [];
  /** What controllers say of pods, and how often they were asked. */
  facts: ControllerFacts | undefined;
  described = 0;
  /** Waited for by `run`; a test replaces it to hold a run or to make it fail. */
  beforeRun: (signal: AbortSignal) => Promise<void> = async () => {};

  constructor() {
    super("sandbox");
  }

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
    const record = this.find(id);
    if (record) this.set({ ...record, state: "notready" });
  }

  async remove(id: string): Promise<void> {
    const record = this.find(id);
    if (!record) return;
    this.records.delete(record.id);
    this.publish("deleted", { ...record, state: "removing" });
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

  /** Replaces a record, and tells of it when it is stopped. */
  set(record: SandboxRecord): void {
    this.records.set(record.id, record);
    if (record.state === "notready") this.publish("stopped", record);
  }
}

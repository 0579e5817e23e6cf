import type {
  ContainerEvent,
  ContainerFilter,
  ContainerRecord,
  ContainerRequest,
  ContainerResources,
  Containers,
} from "@crib/core/containers";
import { Code, StatusError } from "@crib/errdefs";

import { containerRecord } from "./container-record.ts";
import { MemoryRecords } from "./memory-records.ts";

/** Containers in memory, for tests of what stands above them: nothing runs, every state can be set. */
export class MemoryContainers extends MemoryRecords<ContainerRecord> implements Containers {
  readonly requests: ContainerRequest[] = [];
  /** What was asked besides, in order: name of the method, id, and what else it was given. */
  readonly calls: unknown[][] = [];
  /** Waited for by `create`; a test replaces it to hold a creation or to make it fail. */
  beforeCreate: (signal: AbortSignal) => Promise<void> = async () => {};

  constructor() {
    super("container");
  }

  async create(request: ContainerRequest, signal: AbortSignal): Promise<string> {
    this.requests.push(request);
    await this.beforeCreate(signal);
    const id = (this.records.size + 0xc1).toString(16).repeat(32);
    this.set(containerRecord(id, request), "created");
    return id;
  }

  async start(id: string): Promise<void> {
    const record = this.get(id);
    if (record.state !== "created") throw new StatusError(Code.FailedPrecondition, `container "${id}": not created`);
    const process = { pid: 4_711, startTime: 1 };
    const facts = { ...record.facts, process, startedAt: "2026-11-21T01:02:04.000Z" };
    this.set({ ...record, state: "running", facts }, "started");
  }

  async stop(id: string, timeoutMs: number): Promise<void> {
    this.calls.push(["stop", id, timeoutMs]);
    const record = this.find(id);
    if (record?.state !== "running") return;
    const exit = { exitCode: 143, exitedAt: "2026-11-21T01:02:05.123456789Z", reason: "Error", message: "" } as const;
    this.set({ ...record, state: "exited", facts: { ...record.facts, exit } }, "stopped");
  }

  async remove(id: string): Promise<void> {
    const record = this.find(id);
    if (!record) return;
    this.records.delete(record.id);
    this.publish("deleted", { ...record, state: "removing" });
  }

  list(filter: ContainerFilter = {}): readonly ContainerRecord[] {
    return [...this.records.values()].filter(
      ({ id, plan }) =>
        id.startsWith(filter.id ?? "") &&
        plan.sandboxId.startsWith(filter.sandboxId ?? "") &&
        Object.entries(filter.labels ?? {}).every(([key, value]) => plan.labels[key] === value),
    );
  }

  async update(id: string, resources: ContainerResources): Promise<void> {
    this.calls.push(["update", id, resources]);
    const record = this.get(id);
    this.records.set(id, { ...record, facts: { ...record.facts, resources } });
  }

  async reopenLog(id: string): Promise<void> {
    this.calls.push(["reopenLog", id]);
  }

  async checkpoint(id: string, request: { readonly location: string; readonly timeoutMs: number }): Promise<void> {
    this.calls.push(["checkpoint", id, request]);
    throw new StatusError(Code.Unimplemented, `checkpoint of container "${id}": no CRIU`);
  }

  async spec(id: string): Promise<string | undefined> {
    return JSON.stringify({ ociVersion: "1.0.2", hostname: id });
  }

  /** Puts a record in its place, and tells of it. */
  set(record: ContainerRecord, kind?: ContainerEvent["kind"]): void {
    this.records.set(record.id, record);
    if (kind) this.publish(kind, record);
  }
}

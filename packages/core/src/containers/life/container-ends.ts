import { Code, hasCode, StatusError } from "@crib/errdefs";

import { waitFor } from "../../flow/budget.ts";
import { type Owner, waitUntilFree } from "../../flow/row-owners.ts";
import type { TaskEnd } from "../exits/task-end.ts";
import { createContainer, createTask, startContainer, stopContainer } from "../flows.ts";
import { isAhead } from "../tasks/ahead-tasks.ts";
import type { ContainerRecord } from "../types.ts";
import type { ContainerLife } from "./container-life.ts";
import type { ContainerRows } from "./container-rows.ts";
import type { PluginNotices } from "./plugin-notices.ts";

/** Names the making of a checkpoint among the flows that have a row. */
export const checkpointContainer = "CheckpointContainer";

/** What is given up when the container shall end. */
const abortable: ReadonlySet<string> = new Set([
  createContainer.name,
  createTask.name,
  startContainer.name,
  checkpointContainer,
]);

/** Which of them call the runtime. */
const callsRuntime: ReadonlySet<string> = new Set([createTask.name, startContainer.name]);

/**
 * Milliseconds that a call of the runtime has to come back: usually it takes a tenth of a second, while one that is given up keeps its shim
 * at work, and everybody waiting who needs the shim.
 */
const courtesyMs = 2_000;

/** What ending containers needs. */
export interface ContainerEndsOptions {
  readonly rows: ContainerRows;
  readonly life: ContainerLife;
  readonly notices: PluginNotices;
}

/** Ends and removes containers, whatever is being done to them. */
export class ContainerEnds {
  readonly #options: ContainerEndsOptions;
  #closed = false;

  constructor(options: ContainerEndsOptions) {
    this.#options = options;
  }

  /** See `Containers.stop`. */
  async stop(id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { life, rows } = this.#options;
    for (;;) {
      const record = this.#find(id);
      if (!record || !mayRun(record)) return;
      const owner = life.owners.find(record.id);
      if (owner?.flow === stopContainer.name) rows.deps.clocks.set(record.id, timeoutMs);
      if (owner) await yieldTo(owner, "stopped", signal);
      else return await waitFor(this.#stopFree(record, timeoutMs), signal);
    }
  }

  /** See `Containers.remove`. */
  async remove(id: string, signal: AbortSignal): Promise<void> {
    const { life, rows } = this.#options;
    for (;;) {
      const record = this.#find(id);
      if (!record) return;
      const owner = life.owners.find(record.id);
      if (owner?.flow === stopContainer.name) rows.deps.clocks.set(record.id, 0);
      if (owner) await yieldTo(owner, "removed", signal);
      else if (record.state === "creating") return await waitFor(life.undo(record.id), signal);
      else if (mayRun(record)) await waitFor(this.#stopFree(record, 0), signal);
      else return await waitFor(life.remove(record.id), signal);
    }
  }

  /** See `PodContainers.stopAll`. */
  async stopAll(sandboxId: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const busy = this.#of(sandboxId).filter(
        (record) => record.state === "creating" || isAhead(record) || mayRun(record),
      );
      if (busy.length === 0) break;
      await Promise.all(busy.map((record) => this.#endNow(record, signal)));
    }
    const { notices } = this.#options;
    const exited = this.#of(sandboxId).filter(({ state }) => state === "exited");
    await waitFor(Promise.all(exited.map(({ id }) => notices.tellStopped(id))), signal);
  }

  /** See `PodContainers.removeAll`. */
  async removeAll(sandboxId: string, signal: AbortSignal): Promise<void> {
    await this.stopAll(sandboxId, signal);
    await Promise.all(this.#of(sandboxId).map(({ id }) => this.remove(id, signal)));
    this.#options.rows.deps.services.forget(sandboxId);
  }

  /** A task has ended. The flow that has the row just now may be the one that takes care of it. */
  async taskEnded(id: string, end: TaskEnd): Promise<void> {
    const { life, rows } = this.#options;
    for (;;) {
      const record = rows.store.find(id);
      if (!record || this.#closed) return;
      // One that was never started has not run: its start makes another task.
      const isUnused = isAhead(record) && rows.deps.exits.end(id) === end;
      if (!isUnused && record.state !== "running" && record.state !== "starting") return;
      const owner = life.owners.find(id);
      if (!owner) {
        await (isUnused ? life.ahead.takeBack(id) : life.end(id, end)).catch(() => {}); // kept with the row, and retried
        return;
      }
      await owner.done.catch(() => {}); // whoever asked for that flow sees its failure
    }
  }

  /** Ends nothing of itself any more. */
  close(): void {
    this.#closed = true;
  }

  /** Ends one that no flow has. */
  #stopFree({ id, state, facts }: ContainerRecord, timeoutMs: number): Promise<void> {
    const { life, rows } = this.#options;
    if (state === "ending") return life.endWith(id);
    const known = rows.deps.exits.end(id);
    if (known && facts.exit === undefined) return life.end(id, known);
    return life.stop(id, timeoutMs);
  }

  async #endNow(record: ContainerRecord, signal: AbortSignal): Promise<void> {
    const { life } = this.#options;
    const { id, state } = record;
    if (mayRun(record)) return await this.stop(id, 0, signal);
    const owner = life.owners.find(id);
    if (owner) await yieldTo(owner, "stopped", signal);
    else await waitFor(state === "creating" ? life.undo(id) : life.ahead.takeBack(id), signal);
  }

  #of(sandboxId: string): readonly ContainerRecord[] {
    return this.#options.rows.store.list().filter(({ plan }) => plan.sandboxId === sandboxId);
  }

  #find(id: string): ContainerRecord | undefined {
    try {
      return this.#options.rows.store.get(id);
    } catch (reason) {
      if (hasCode(reason, Code.NotFound)) return undefined;
      throw reason;
    }
  }
}

/** Waits for the flow that has the row; one that creates, starts or makes a checkpoint is aborted first, once the runtime had its moment. */
async function yieldTo(owner: Owner, what: string, signal: AbortSignal): Promise<void> {
  if (abortable.has(owner.flow)) {
    if (callsRuntime.has(owner.flow) && (await isFreeSoon(owner, signal))) return;
    owner.abort.abort(new StatusError(Code.Canceled, `the container is being ${what}`));
  }
  await waitUntilFree(owner, signal);
}

async function isFreeSoon(owner: Owner, signal: AbortSignal): Promise<boolean> {
  const soon = AbortSignal.timeout(courtesyMs);
  try {
    await waitUntilFree(owner, AbortSignal.any([signal, soon]));
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

/** Whether there may be a process, or what one leaves. */
function mayRun({ state }: ContainerRecord): boolean {
  return state === "starting" || state === "running" || state === "ending";
}

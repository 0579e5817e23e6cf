import { StatusError } from "@crib/errdefs";

import type { PluginUpdate } from "../../nri/types.ts";
import { withEvent } from "../steps/plugins.ts";
import type { ContainerRows } from "./container-rows.ts";

/**
 * Tells plugins of ends and removals, each once, also across restarts: what is owed follows from the events that the record says they
 * were told. Never rejects. No row is held meanwhile.
 */
export class PluginNotices {
  readonly #rows: ContainerRows;
  readonly #applyUpdates: (updates: readonly PluginUpdate[]) => Promise<unknown>;
  readonly #telling = new Map<string, Promise<void>>();

  constructor(rows: ContainerRows, applyUpdates: (updates: readonly PluginUpdate[]) => Promise<unknown>) {
    this.#rows = rows;
    this.#applyUpdates = applyUpdates;
  }

  /** Tells of an end that they are owed. Calls for one container share the telling. */
  tellStopped(id: string): Promise<void> {
    const known = this.#telling.get(id);
    if (known) return known;
    const telling = this.#tell(id)
      .catch((reason: unknown) => {
        const error = StatusError.from(reason).message;
        this.#rows.deps.log.warn({ containerId: id, error }, "plugins could not be told of a container's end");
      })
      .finally(() => this.#telling.delete(id));
    this.#telling.set(id, telling);
    return telling;
  }

  /** Tells of a removal, and first of the end where that is owed. */
  async tellRemoved(id: string): Promise<void> {
    await this.tellStopped(id);
    const { store, deps } = this.#rows;
    const record = store.find(id);
    const told = record?.facts.pluginEvents ?? [];
    if (!record || !told.includes("create") || told.includes("remove")) return;
    const { signal } = new AbortController();
    const leave = await deps.hooks.enter(signal);
    try {
      await deps.hooks.removeContainer(deps.findSandbox(record.plan.sandboxId), record, signal);
      this.#note(id, "remove");
    } finally {
      leave();
    }
  }

  async #tell(id: string): Promise<void> {
    const { store, deps } = this.#rows;
    const record = store.find(id);
    const told = record?.facts.pluginEvents ?? [];
    if (!record || !told.includes("create") || told.includes("stop")) return;
    const { signal } = new AbortController();
    const leave = await deps.hooks.enter(signal);
    let updates: readonly PluginUpdate[] = [];
    try {
      updates = await deps.hooks.stopContainer(deps.findSandbox(record.plan.sandboxId), record, signal);
      this.#note(id, "stop");
    } finally {
      leave();
    }
    // Under the rows of those that they are of, so that this one is done.
    if (updates.length > 0) void this.#applyUpdates(updates);
  }

  #note(id: string, event: "stop" | "remove"): void {
    const record = this.#rows.store.find(id);
    if (!record) return;
    this.#rows.change(id, { facts: { ...record.facts, pluginEvents: withEvent(record.facts, event) } });
  }
}

import { Code, StatusError } from "@crib/errdefs";

import { waitFor } from "../../flow/budget.ts";
import { waitUntilFree } from "../../flow/row-owners.ts";
import type { PluginUpdate } from "../../nri/types.ts";
import { containerStateOf } from "../container-state.ts";
import { isAhead } from "../tasks/ahead-tasks.ts";
import type { ContainerRecord, ContainerResources } from "../types.ts";
import type { ContainerLife } from "./container-life.ts";
import type { ContainerRows } from "./container-rows.ts";

/** Changes of limits, asked for by clients and by plugins. */
export class ContainerUpdates {
  readonly #rows: ContainerRows;
  readonly #life: ContainerLife;

  constructor(rows: ContainerRows, life: ContainerLife) {
    this.#rows = rows;
    this.#life = life;
  }

  /** Asks plugins, makes what they want changed of others, then the change. FailedPrecondition when the container has ended. */
  async ask({ id }: ContainerRecord, resources: ContainerResources, signal: AbortSignal): Promise<void> {
    const { hooks, findSandbox } = this.#rows.deps;
    const record = this.#rows.store.get(id);
    const sandbox = findSandbox(record.plan.sandboxId);
    if (!sandbox || containerStateOf(record) === "exited") throw ended(id);
    // Plugins are asked before the row is held: what they change of others would wait for whoever waits for this one.
    const adjusted = await hooks.updateContainer(sandbox, record, resources, signal);
    await this.makeAll(adjusted.updates.filter(({ containerId }) => containerId !== id));
    await this.make(id, adjusted.resources, signal);
    await hooks.postUpdateContainer(sandbox, this.#rows.store.get(id), signal);
  }

  /** Makes a change as soon as no other flow has the row. */
  async make(id: string, resources: ContainerResources, signal: AbortSignal): Promise<void> {
    for (;;) {
      const record = this.#rows.store.get(id);
      if (containerStateOf(record) === "exited") throw ended(id);
      const owner = this.#life.owners.find(id);
      if (!owner) {
        await waitFor(this.#life.update(id, resources), signal);
        if (isAhead(record)) this.#life.ahead.begin(id);
        return;
      }
      await waitUntilFree(owner, signal);
    }
  }

  /** Makes changes that plugins want, each under its own container. Never rejects; a failure is logged. */
  async makeAll(updates: readonly PluginUpdate[]): Promise<void> {
    const make = async ({ containerId, resources }: PluginUpdate): Promise<void> => {
      // An id that nobody knows is passed over.
      if (!this.#rows.store.find(containerId)) return;
      try {
        await this.make(containerId, resources, new AbortController().signal);
      } catch (reason) {
        const error = StatusError.from(reason).message;
        this.#rows.deps.log.warn({ containerId, error }, "a plugin's change of a container failed");
      }
    };
    await Promise.all(updates.map(make));
  }
}

function ended(id: string): StatusError {
  return new StatusError(Code.FailedPrecondition, `updating container "${id}": it has ended`);
}

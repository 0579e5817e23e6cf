import { Code, StatusError } from "@crib/errdefs";

import { waitFor } from "../../flow/budget.ts";
import { waitUntilFree } from "../../flow/row-owners.ts";
import type { PluginUpdate } from "../../nri/types.ts";
import { newSandboxId } from "../../sandbox/sandbox-id.ts";
import type { SandboxRecord } from "../../sandbox/types.ts";
import { containerStateOf } from "../container-state.ts";
import { createContainer } from "../flows.ts";
import { type ContainerPlanning, containerChecksum, containerName, planContainer } from "../plan-container.ts";
import type { ContainerRecord, ContainerRequest } from "../types.ts";
import type { ContainerLife } from "./container-life.ts";
import type { ContainerRows } from "./container-rows.ts";
import type { ContainerUpdates } from "./container-updates.ts";

/** What new containers are made with. */
export interface ContainerCreationOptions {
  readonly instance: string;
  readonly bootId: string;
  readonly planning: ContainerPlanning;
  readonly rows: ContainerRows;
  readonly life: ContainerLife;
  readonly updates: ContainerUpdates;
  /** Throws when the daemon ends. */
  readonly refuseClosed: () => void;
}

/** Makes containers, each name once. */
export class ContainerCreation {
  readonly #options: ContainerCreationOptions;

  constructor(options: ContainerCreationOptions) {
    this.#options = options;
  }

  /** Gives the id. The same request joins the one that runs or gets its result. See `Containers.create`. */
  async create(request: ContainerRequest, signal: AbortSignal): Promise<string> {
    const { rows } = this.#options;
    const checksum = containerChecksum(request);
    for (;;) {
      const sandbox = readySandbox(rows, request.sandboxId);
      const holder = rows.store.findByName(containerName(request, sandbox));
      if (!holder) return await waitFor(this.#begin(request, sandbox), signal);
      const id = await this.#meet(holder, checksum, signal);
      if (id !== undefined) return id;
    }
  }

  /** Everything up to the row's insertion is synchronous, so that two requests cannot both find the name free. */
  async #begin(request: ContainerRequest, sandbox: SandboxRecord): Promise<string> {
    const { instance, bootId, planning, rows, life, updates } = this.#options;
    this.#options.refuseClosed();
    const id = newSandboxId(instance);
    const name = containerName(request, sandbox);
    const plan = planContainer(planning, request, sandbox, id);
    const createdAt = new Date().toISOString();
    const facts = life.ahead.mark(sandbox);
    rows.store.insert({ version: 1, id, name, state: "creating", createdAt, bootId, plan, facts, runs: [] });
    const wanted = await this.#created(id);
    if (wanted.length > 0) await updates.makeAll(wanted.filter(({ containerId }) => containerId !== id));
    const record = rows.store.find(id);
    if (record) void rows.deps.hooks.postCreateContainer(sandbox, record, new AbortController().signal);
    return id;
  }

  /** Creates it; gives what plugins want changed of others. */
  async #created(id: string): Promise<readonly PluginUpdate[]> {
    const { life, rows } = this.#options;
    const creating = life.create(id);
    const session = rows.deps.sessions.get(id);
    await creating;
    return session?.updates ?? [];
  }

  /** What a request meets that finds its name held: the holder's id when it is the same request, undefined when the name may be free now. */
  async #meet(holder: ContainerRecord, checksum: string, signal: AbortSignal): Promise<string | undefined> {
    const { life } = this.#options;
    const { id, state, plan } = holder;
    const owner = life.owners.find(id);
    const isSame = plan.checksum === checksum;
    if (state === "created" || (state === "creating" && owner && !owner.undoing)) {
      if (!isSame) throw heldByOther(holder, "with another configuration");
      if (owner?.flow === createContainer.name) await waitFor(owner.done, signal);
      return id;
    }
    if (state === "creating" || state === "removing") {
      // The end of the clean-up that runs, or one more try of it; then the name is free.
      if (owner) await waitUntilFree(owner, signal);
      else await waitFor(state === "creating" ? life.undo(id) : life.remove(id), signal);
      return undefined;
    }
    throw heldByOther(holder, `and is ${containerStateOf(holder)}; raise the attempt or remove "${id}"`);
  }
}

/** The pod of a container that shall run. NotFound; FailedPrecondition when it is not ready, or its controller is not configured any more. */
export function readySandbox({ deps }: ContainerRows, id: string): SandboxRecord {
  const sandbox = deps.findSandbox(id);
  if (!sandbox || sandbox.state === "creating") throw new StatusError(Code.NotFound, `sandbox "${id}": not found`);
  const why = sandbox.state === "ready" ? sandbox.unreachable?.reason : "it is not ready";
  if (why === undefined) return sandbox;
  throw new StatusError(Code.FailedPrecondition, `sandbox "${id}": ${why}`);
}

function heldByOther({ id, name }: ContainerRecord, how: string): StatusError {
  return new StatusError(Code.AlreadyExists, `container "${name}": container "${id}" has this name ${how}`);
}

import { Code, hasCode } from "@crib/errdefs";
import type { Platform, Sandbox, SandboxMetrics } from "@crib/sandboxer";

import { readStart, readStatus, type Reported, type Started } from "./answers.ts";
import { platformName } from "./platform-name.ts";
import { readMetrics } from "./read-metrics.ts";
import { createRequest, type Extensions, sandboxRecord } from "./sandbox-record.ts";
import type { SandboxerCall, SandboxerLink } from "./sandboxer-link.ts";
import type { ProxyBudgets, ProxyControllerOptions } from "./types.ts";

/** How a sandboxer is asked for a status. */
export interface StatusOptions {
  /** Default false. */
  readonly verbose?: boolean;
  /** Default, and at most, the budget of all such calls. */
  readonly timeoutMs?: number;
}

/**
 * The calls of the Controller service as crib makes them, each with its deadline, their answers checked and in crib's terms. What an answer
 * has that it cannot have is Internal, with field and value.
 */
export class SandboxerCalls {
  readonly #link: SandboxerLink;
  readonly #options: ProxyControllerOptions;
  readonly #budgets: ProxyBudgets;

  constructor(link: SandboxerLink, options: ProxyControllerOptions, budgets: ProxyBudgets) {
    this.#link = link;
    this.#options = options;
    this.#budgets = budgets;
  }

  /** Its name. */
  get sandboxer(): string {
    return this.#link.name;
  }

  async create(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    const request = createRequest(this.#options, sandbox);
    await this.#call("creating", sandbox.id, this.#budgets.start, signal, (client, options) =>
      client.create(request, options),
    );
  }

  async start(id: string, signal: AbortSignal): Promise<Started> {
    return await this.#call("starting", id, this.#budgets.start, signal, async (client, options) =>
      readStart(id, await client.start(this.#names(id), options), this.#options.config),
    );
  }

  /** Undefined for a sandbox that it does not know. */
  async status(
    id: string,
    signal: AbortSignal,
    { verbose = false, timeoutMs = this.#budgets.other }: StatusOptions = {},
  ): Promise<Reported | undefined> {
    return await absentIf([Code.NotFound], () =>
      this.#call(
        "reading the status of",
        id,
        Math.min(timeoutMs, this.#budgets.other),
        signal,
        async (client, options) =>
          readStatus(id, await client.status({ ...this.#names(id), verbose }, options), this.#options.config),
      ),
    );
  }

  async platform(id: string, signal: AbortSignal): Promise<Platform> {
    return await this.#call("naming the platform of", id, this.#budgets.other, signal, async (client, options) =>
      platformName((await client.platform(this.#names(id), options)).platform),
    );
  }

  /** Undefined where it measures nothing. */
  async metrics(id: string, signal: AbortSignal): Promise<SandboxMetrics | undefined> {
    return await absentIf([Code.Unimplemented], () =>
      this.#call("measuring", id, this.#budgets.other, signal, async (client, options) =>
        readMetrics(await client.metrics(this.#names(id), options)),
      ),
    );
  }

  /** Tells of the pod as it is now, and of the fields that changed. */
  async update(
    id: string,
    sandbox: Sandbox | undefined,
    change: { readonly extensions?: Extensions; readonly fields: readonly string[] },
    signal: AbortSignal,
  ): Promise<void> {
    const record = sandboxRecord(this.#options, id, sandbox, change.extensions);
    const request = { ...this.#names(id), sandbox: record, fields: [...change.fields] };
    await this.#call("updating", id, this.#budgets.shutdown, signal, (client, options) =>
      client.update(request, options),
    );
  }

  /** Unknown is success. */
  async stop(id: string, graceMs: number, signal: AbortSignal): Promise<void> {
    const request = { ...this.#names(id), timeoutSecs: Math.ceil(graceMs / 1_000) };
    await absentIf([Code.NotFound], () =>
      this.#call("stopping", id, graceMs + this.#budgets.stop, signal, (client, options) =>
        client.stop(request, options),
      ),
    );
  }

  /** Unknown is success. */
  async shutdown(id: string, signal: AbortSignal): Promise<void> {
    await absentIf([Code.NotFound], () =>
      this.#call("shutting down", id, this.#budgets.shutdown, signal, (client, options) =>
        client.shutdown(this.#names(id), options),
      ),
    );
  }

  #names(sandboxId: string): { readonly sandboxId: string; readonly sandboxer: string } {
    return { sandboxId, sandboxer: this.#link.name };
  }

  async #call<T>(
    doing: string,
    id: string,
    timeoutMs: number,
    signal: AbortSignal,
    send: SandboxerCall<T>,
  ): Promise<T> {
    return await this.#link.call(`${doing} sandbox "${id}"`, timeoutMs, signal, send);
  }
}

async function absentIf<T>(codes: readonly Code[], call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (reason) {
    if (codes.some((code) => hasCode(reason, code))) return undefined;
    throw reason;
  }
}

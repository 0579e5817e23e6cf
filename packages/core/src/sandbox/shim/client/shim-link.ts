import { Code, StatusError } from "@crib/errdefs";
import type { TaskEndpoint } from "@crib/sandboxer";

import { waitFor } from "../../../flow/budget.ts";
import { dialSandbox, type SandboxClient } from "./sandbox-client.ts";

/** Where a shim answers. */
export interface ShimLinkOptions {
  readonly id: string;
  readonly endpoint: TaskEndpoint;
  readonly namespace: string;
  readonly connectMs: number;
  /** Aborted when the daemon ends. */
  readonly closing: AbortSignal;
}

/** The way to the shim of one sandbox: one connection for all callers, dialled again when it was lost. */
export class ShimLink {
  readonly endpoint: TaskEndpoint;
  readonly #options: ShimLinkOptions;
  #client: Promise<SandboxClient> | undefined;
  #current: SandboxClient | undefined;
  #isClosed = false;
  readonly #leave = (): void => this.close();

  constructor(options: ShimLinkOptions) {
    this.#options = options;
    this.endpoint = options.endpoint;
    options.closing.addEventListener("abort", this.#leave, { once: true });
  }

  /** Whether the shim may be at work on a call that was given up. */
  get hasAbandoned(): boolean {
    return this.#current?.hasAbandoned ?? false;
  }

  /** The open connection or a new one. NotFound when nobody listens any more; Canceled after `close`. */
  async open(signal: AbortSignal): Promise<SandboxClient> {
    if (this.#isClosed || this.#options.closing.aborted) {
      throw new StatusError(Code.Canceled, `connecting to the shim of sandbox "${this.#options.id}": it is left`);
    }
    this.#client ??= this.#dial();
    return await waitFor(this.#client, signal);
  }

  /** Leaves the shim. Repeating it is harmless. */
  close(): void {
    this.#isClosed = true;
    this.#options.closing.removeEventListener("abort", this.#leave);
    void this.#current?.close();
  }

  #dial(): Promise<SandboxClient> {
    const { connectMs, closing, ...dial } = this.#options;
    const client = dialSandbox({ ...dial, timeoutMs: connectMs }, closing);
    const forget = (): void => {
      if (this.#client === client) this.#client = undefined;
    };
    client.then((open) => {
      this.#current = open;
      if (this.#isClosed) void open.close();
      return open.closed.then(forget);
    }, forget);
    return client;
  }
}

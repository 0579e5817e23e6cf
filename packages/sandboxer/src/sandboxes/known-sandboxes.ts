import { Code, StatusError } from "@crib/errdefs";

import { checkSandboxId } from "./check-sandbox-id.ts";
import type { HostedSandbox } from "./hosted-sandbox.ts";

/** The sandboxes that a server knows, by id, in whatever state. */
export class KnownSandboxes {
  readonly #known = new Map<string, HostedSandbox>();

  get size(): number {
    return this.#known.size;
  }

  all(): readonly HostedSandbox[] {
    return [...this.#known.values()];
  }

  /** Undefined for an id that is not known. */
  find(id: string): HostedSandbox | undefined {
    return this.#known.get(id);
  }

  /** InvalidArgument for what is no id; NotFound. `doing` begins the message. */
  get(id: string, doing: string): HostedSandbox {
    checkSandboxId(id, doing);
    const hosted = this.#known.get(id);
    if (hosted === undefined) throw new StatusError(Code.NotFound, `${doing} sandbox "${id}": there is none`);
    return hosted;
  }

  /** One that this process has in its hands: waits until it is taken over from an earlier one; why that fails is thrown. */
  async taken(id: string, doing: string, signal: AbortSignal): Promise<HostedSandbox> {
    await this.get(id, doing).adopting;
    signal.throwIfAborted();
    const hosted = this.get(id, doing);
    if (hosted.lost) throw hosted.lost;
    return hosted;
  }

  add(hosted: HostedSandbox): void {
    this.#known.set(hosted.id, hosted);
  }

  /** Removes its record, ends the waits for it, and knows it no more. */
  async forget(hosted: HostedSandbox): Promise<void> {
    const { id } = hosted;
    await hosted.remove();
    const gone = new StatusError(Code.NotFound, `sandbox "${id}" was shut down`);
    hosted.life.abort(gone);
    hosted.exit.abandon(gone);
    this.#known.delete(id);
  }
}

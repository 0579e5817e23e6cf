import type { ControllerCalls } from "./controller-calls.ts";
import type { HostedSandbox } from "./hosted-sandbox.ts";
import type { KnownSandboxes } from "./known-sandboxes.ts";
import type { SandboxerLog } from "./types.ts";

/** Takes back what was only half made. What cannot be taken back stays known, so that a client can have it shut down. Never rejects. */
export class HalfMade {
  readonly #calls: ControllerCalls;
  readonly #known: KnownSandboxes;
  readonly #log: SandboxerLog;

  constructor(calls: ControllerCalls, known: KnownSandboxes, log: SandboxerLog) {
    this.#calls = calls;
    this.#known = known;
    this.#log = log;
  }

  /** Ends what an earlier process had not started when it ended. */
  async drop(hosted: HostedSandbox): Promise<void> {
    const { id } = hosted;
    const fields = { sandboxId: id, phase: hosted.record.phase };
    try {
      await this.#calls.shutdown(id);
      await this.#known.forget(hosted);
      this.#log("info", "dropped a sandbox that was not started", fields);
    } catch (reason) {
      this.#log("error", "a sandbox that was not started is left", { ...fields, error: String(reason) });
    }
  }

  /** After a create that failed. `isForeign`: the controller knows the id, but not from us, so that it is left alone. */
  async undoCreate(hosted: HostedSandbox, isForeign: boolean): Promise<void> {
    const { id } = hosted;
    try {
      if (!isForeign) await this.#calls.shutdown(id);
      await this.#known.forget(hosted);
    } catch (reason) {
      this.#log("error", "what a failed create made is left", { sandboxId: id, error: String(reason) });
      await this.#markFailed(hosted);
    }
  }

  /** After a start that failed. */
  async undoStart(hosted: HostedSandbox): Promise<void> {
    const { id } = hosted;
    try {
      await this.#calls.stop(id, 0);
      await hosted.save({ phase: "failed" });
    } catch (reason) {
      this.#log("error", "what a failed start made may run", { sandboxId: id, error: String(reason) });
    }
  }

  /** Where that cannot be written, the next process finds what it would find after a death right now, and drops it. */
  async #markFailed(hosted: HostedSandbox): Promise<void> {
    try {
      await hosted.save({ phase: "failed" });
    } catch (reason) {
      const fields = { sandboxId: hosted.id, error: String(reason) };
      this.#log("warn", "that a create has failed is not on record", fields);
    }
  }
}

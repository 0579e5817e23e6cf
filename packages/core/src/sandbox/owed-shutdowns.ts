import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";
import type { SandboxController } from "@crib/sandboxer";

import { Budget, waitFor } from "../flow/budget.ts";
import type { Retries } from "../flow/retries.ts";
import { isSandboxId } from "./sandbox-id.ts";
import type { StepLog } from "./steps/types.ts";

/** Milliseconds that a controller has for one of them. */
const shutdownMs = 30_000;

/** What `OwedShutdowns` is made of. */
export interface OwedShutdownsOptions {
  /** Where they are kept: a file for each pod, named by its id, that has the name of its controller. Made when it is needed. */
  readonly dir: string;
  /** Those of this moment, by name. */
  readonly controllers: ReadonlyMap<string, SandboxController>;
  readonly retries: Retries;
  readonly log: StepLog & { info(fields: Readonly<Record<string, unknown>>, message: string): void };
}

/**
 * The pods that were removed without their controller, which may have something of them still: once it is there again it is told to
 * free that. Until then it is nobody's but the controller's.
 */
export class OwedShutdowns {
  readonly #options: OwedShutdownsOptions;
  /** Ids that a controller is asked about just now. */
  readonly #asked = new Set<string>();

  constructor(options: OwedShutdownsOptions) {
    this.#options = options;
  }

  /** Remembers, for good, that a pod went without its controller. Idempotent. */
  async note(id: string, controller: string): Promise<void> {
    const { dir } = this.#options;
    const file = join(dir, id);
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      await writeFile(`${file}.new`, controller, { mode: 0o600 });
      await rename(`${file}.new`, file);
    } catch (reason) {
      throw StatusError.from(reason, `remembering that sandbox "${id}" goes without its controller`);
    }
  }

  /**
   * Has the controllers that are there free what they have of such pods; settles when each has been asked once. One that fails is asked
   * again, later and later. Never rejects.
   */
  async settle(): Promise<void> {
    try {
      await Promise.all((await this.#list()).map((id) => this.#ask(id, 1)));
    } catch (reason) {
      const error = StatusError.from(reason).message;
      this.#options.log.warn({ error }, "pods that were removed without their controllers cannot be listed");
    }
  }

  /** Asks nobody any more; what is left is for the next daemon. */
  close(): void {
    this.#options.retries.stop();
  }

  async #list(): Promise<readonly string[]> {
    try {
      return (await readdir(this.#options.dir)).filter((name) => isSandboxId(name));
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw reason;
    }
  }

  async #ask(id: string, attempts: number): Promise<void> {
    const { dir, controllers, retries, log } = this.#options;
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    try {
      const name = await readFile(join(dir, id), "utf8");
      const controller = controllers.get(name);
      if (!controller) return;
      using budget = new Budget("freeing what a controller has of a removed pod", shutdownMs);
      await waitFor(controller.shutdown(id, budget.signal), budget.signal);
      await rm(join(dir, id), { force: true });
      retries.cancel(id);
      log.info({ sandboxId: id, controller: name }, "controller has freed what it had of a removed pod");
    } catch (reason) {
      const fields = { sandboxId: id, attempts, error: StatusError.from(reason).message };
      log.warn(fields, "controller has not freed what it has of a removed pod yet");
      retries.schedule(id, attempts, () => this.#ask(id, attempts + 1));
    } finally {
      this.#asked.delete(id);
    }
  }
}

import { isDeepStrictEqual } from "node:util";

import { Code, StatusError } from "@crib/errdefs";
import type { TaskEndpoint } from "@crib/sandboxer";

import type { Turns } from "../../tasks/turns.ts";
import type { PodMemories } from "./pod-memory.ts";
import type { SandboxerCalls } from "./sandboxer-calls.ts";

/** Where the task services of sandboxes are, as their sandboxer last said. */
export class PodEndpoints {
  readonly #calls: SandboxerCalls;
  readonly #memories: PodMemories;
  readonly #turns: Turns;

  constructor(calls: SandboxerCalls, memories: PodMemories, turns: Turns) {
    this.#calls = calls;
    this.#memories = memories;
    this.#turns = turns;
  }

  /** What is remembered, without asking anybody; undefined where nothing is. */
  async find(id: string): Promise<TaskEndpoint | undefined> {
    return (await this.#memories.load(id))?.endpoint;
  }

  /** Asks Status for what Start has not named, or what was lost. */
  async fetch(id: string, signal: AbortSignal): Promise<TaskEndpoint> {
    const endpoint = (await this.#calls.status(id, signal))?.endpoint;
    if (endpoint) return endpoint;
    throw new StatusError(Code.Internal, "it answered no address of a task service, neither to Start nor to Status");
  }

  /** Remembers that of a sandbox that has just been started, and that it has no tasks. */
  async begin(id: string, endpoint: TaskEndpoint, hasOwnProcess: boolean): Promise<void> {
    await this.#turns.take(id, () => this.#memories.write(id, { endpoint, tasks: [], hasOwnProcess }));
  }

  /** What `begin` was told of its process. */
  async hasOwnProcess(id: string): Promise<boolean> {
    return (await this.#memories.load(id))?.hasOwnProcess === true;
  }

  /** Remembers what is said now: a sandboxer may serve tasks elsewhere after it was started again. */
  async refresh(id: string, endpoint: TaskEndpoint): Promise<void> {
    await this.#turns.take(id, async () => {
      const memory = await this.#memories.load(id);
      if (memory && isDeepStrictEqual(memory.endpoint, endpoint)) return;
      await this.#memories.write(id, { ...memory, endpoint });
    });
  }

  /** Forgets it, for good. */
  async drop(id: string): Promise<void> {
    await this.#turns.take(id, () => this.#memories.drop(id));
  }
}

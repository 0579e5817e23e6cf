import { cgroupOomKills } from "@crib/linux";

import type { RuncTasksOptions } from "../types.ts";

/** Of a process that is not a container's first nobody hears, so that its cgroup has to be asked. */
const pollMs = 5_000;

interface Watched {
  readonly cgroup: string;
  /** How many were told of. */
  kills: number;
}

/** Notices that the kernel has killed processes of tasks for memory. */
export class OomWatch implements Disposable {
  readonly #tasks = new Map<string, Watched>();
  readonly #tell: (id: string) => void;
  readonly #log: NonNullable<RuncTasksOptions["log"]>;
  readonly #timer: NodeJS.Timeout;

  constructor(tell: (id: string) => void, log: NonNullable<RuncTasksOptions["log"]>) {
    this.#tell = tell;
    this.#log = log;
    this.#timer = setInterval(() => void this.#checkAll(), pollMs).unref();
  }

  add(id: string, cgroup: string): void {
    this.#tasks.set(id, { cgroup, kills: 0 });
  }

  /** Looks now. An unknown id is nothing to look at. */
  async check(id: string): Promise<void> {
    const watched = this.#tasks.get(id);
    if (watched === undefined) return;
    try {
      const kills = await cgroupOomKills(watched.cgroup);
      // Meanwhile another look may have told.
      if (kills <= watched.kills) return;
      watched.kills = kills;
      this.#tell(id);
    } catch (error) {
      this.#log("warn", "reading how often a task ran out of memory", { taskId: id, error: String(error) });
    }
  }

  remove(id: string): void {
    this.#tasks.delete(id);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#tasks.clear();
  }

  async #checkAll(): Promise<void> {
    for (const id of this.#tasks.keys()) await this.check(id);
  }
}

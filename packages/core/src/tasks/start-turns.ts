import type { TaskService } from "./types.ts";

/**
 * Starts that one shim is given at a time. Shims with version 2 of the task service start one process after the other and
 * do not read the exits of others meanwhile: with 50 starts waiting, containerd's shim 1.6 stops for seconds, or for
 * good (measured). Later ones do not; their bound only keeps a burst of probes from taking all of the host.
 */
const startsOf = (version: number): number => (version < 3 ? 2 : 16);

/** Lets a bounded number of processes start at a time in each shim, in the order they came. */
export class StartTurns {
  readonly #queues = new WeakMap<TaskService, Queue>();

  /** Runs `start` when it is its turn. */
  async take<T>(service: TaskService, start: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(service) ?? { running: 0, waiting: [] };
    this.#queues.set(service, queue);
    if (queue.running >= startsOf(service.endpoint.version)) {
      await new Promise<void>((resolve) => queue.waiting.push(resolve));
    } else {
      queue.running += 1;
    }
    try {
      return await start();
    } finally {
      const next = queue.waiting.shift();
      if (next === undefined) queue.running -= 1;
      else next(); // in the place of the one that has ended
    }
  }
}

interface Queue {
  running: number;
  readonly waiting: (() => void)[];
}

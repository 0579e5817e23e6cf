/** Does work again, later and later, until it succeeds. */
export interface Retries {
  /** Plans the next try for this key, unless one is planned. `attempts` is how often it failed so far. */
  schedule(key: string, attempts: number, work: () => Promise<void>): void;
  /** Drops the planned try; one that runs goes on. */
  cancel(key: string): void;
  stop(): void;
}

/** Tries after `minMs`, then twice as long each time up to `maxMs`. `work` reports its own failure and schedules itself again. */
export function createRetries(minMs: number, maxMs: number): Retries {
  const timers = new Map<string, NodeJS.Timeout>();
  let stopped = false;
  return {
    schedule(key, attempts, work): void {
      if (stopped || timers.has(key)) return;
      const waitMs = Math.min(maxMs, minMs * 2 ** Math.min(attempts - 1, 30));
      const timer = setTimeout(() => {
        timers.delete(key);
        void work();
      }, waitMs);
      timers.set(key, timer);
    },
    cancel(key): void {
      clearTimeout(timers.get(key));
      timers.delete(key);
    },
    stop(): void {
      stopped = true;
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}

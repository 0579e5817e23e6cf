/** Something that publishes events to whoever watches at that moment. */
export interface Watchable<T> {
  publish(event: T): void;
  watch(signal: AbortSignal): AsyncGenerator<T>;
  /** How many watches are open. */
  watching(): number;
}

export function watchable<T>(): Watchable<T> {
  const watchers = new Set<(event: T) => void>();
  return {
    publish(event): void {
      for (const watcher of watchers) watcher(event);
    },
    async *watch(signal): AsyncGenerator<T> {
      const queue: T[] = [];
      let wake = (): void => {};
      const watcher = (event: T): void => {
        queue.push(event);
        wake();
      };
      signal.addEventListener("abort", () => wake(), { once: true });
      watchers.add(watcher);
      try {
        while (!signal.aborted) {
          const event = queue.shift();
          if (event !== undefined) yield event;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        watchers.delete(watcher);
      }
    },
    watching: () => watchers.size,
  };
}

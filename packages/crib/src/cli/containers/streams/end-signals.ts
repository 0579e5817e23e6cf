import { constants } from "node:os";

const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The signals that ask crib to end, while it has something to clear up. Disposing leaves them to the system again. */
export interface EndSignals extends Disposable {
  /** Aborted by the first. */
  readonly first: AbortSignal;
  /** Aborted by the second: people do not want to wait. */
  readonly second: AbortSignal;
  /** 128 and the number of the first; undefined before. */
  exitCode(): number | undefined;
}

/** Begins to take SIGINT, SIGTERM and SIGHUP. */
export function takeEndSignals(): EndSignals {
  const first = new AbortController();
  const second = new AbortController();
  let exitCode: number | undefined;
  const take = (name: (typeof names)[number]): void => {
    exitCode ??= 128 + constants.signals[name];
    if (first.signal.aborted) second.abort();
    else first.abort();
  };
  for (const name of names) process.on(name, take);
  return {
    first: first.signal,
    second: second.signal,
    exitCode: () => exitCode,
    [Symbol.dispose](): void {
      for (const name of names) process.off(name, take);
    },
  };
}

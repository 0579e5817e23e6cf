/**
 * Runs a benchmark that takes away what it made when its signal is aborted: by the first SIGINT, SIGTERM or SIGHUP; later ones do nothing, so
 * that cleaning up is not cut short. Then the exit code is 130.
 */
export async function runInterruptibly(benchmark: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interruption = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => interruption.abort());
  const { signal } = interruption;
  try {
    await benchmark(signal);
  } catch (reason) {
    // Whatever else it is says what could not be taken away, or what failed before.
    if (!signal.aborted || reason !== signal.reason) throw reason;
    console.error("interrupted; what was made is gone");
    process.exitCode = 130;
  }
}

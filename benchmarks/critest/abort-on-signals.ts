/** Aborts at the first SIGINT, SIGTERM or SIGHUP; later ones do nothing, so that cleaning up is not cut short. */
export function abortOnSignals(): AbortSignal {
  const interruption = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => interruption.abort());
  return interruption.signal;
}

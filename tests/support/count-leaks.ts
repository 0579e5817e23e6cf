import { loadConfig } from "crib";
import { findLeaks, leakConfigOf } from "crib/leaks";

/** What crib's own leak counters find for the daemon of a configuration file, one line for each finding. */
export async function countLeaks(configFile: string): Promise<readonly string[]> {
  const { findings, problems } = await findLeaks(leakConfigOf(loadConfig(configFile, {})));
  return [
    ...findings.map(({ counter, what, why, path }) => `${counter}: ${what} (${path ?? "no path"}): ${why}`),
    ...problems.map(({ counter, message }) => `${counter}: not counted: ${message}`),
  ];
}

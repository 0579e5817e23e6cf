import type { DaemonConfig } from "../../daemon/config/types.ts";

/** `warn`: pods run, something is weaker or missing. `fail`: pods cannot run, or not safely. */
export type Level = "ok" | "warn" | "fail";

/** One result of a check. */
export interface CheckResult {
  readonly level: Level;
  /** What was found. */
  readonly what: string;
  /** What to do about it; present unless `ok`. */
  readonly advice?: string;
}

/** Looks at one side of the machine or the daemon. Changes nothing. */
export interface Check {
  readonly name: string;
  /** Rejects when it cannot look; that is shown as a warning. */
  run(config: DaemonConfig): Promise<readonly CheckResult[]> | readonly CheckResult[];
}

/** A result with the name of its check. */
export interface NamedResult extends CheckResult {
  readonly check: string;
}

export const ok = (what: string): CheckResult => ({ level: "ok", what });
export const warn = (what: string, advice: string): CheckResult => ({ level: "warn", what, advice });
export const fail = (what: string, advice: string): CheckResult => ({ level: "fail", what, advice });

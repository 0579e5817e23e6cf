import { loadConfig } from "../daemon/config/load-config.ts";
import type { DaemonConfig } from "../daemon/config/types.ts";
import { type ConfigOptions, toConfigFlags } from "./config-flags.ts";
import { ExitCode } from "./exit-code.ts";

/** The flags of `crib doctor`. */
export interface DoctorOptions extends ConfigOptions {
  readonly leaks?: true;
  readonly json?: true;
}

/** Checks the machine and the daemon, or counts leaks; exit code 1 when something is wrong. */
export async function doctorCommand(options: DoctorOptions): Promise<void> {
  const { runningConfig } = await import("../doctor/running-config.ts");
  const config = await runningConfig(loadConfig(options.config, toConfigFlags(options)));
  const isHealthy = options.leaks ? await showLeaks(config, options) : await showChecks(config, options);
  if (!isHealthy) process.exitCode = ExitCode.failed;
}

async function showLeaks(config: DaemonConfig, { json }: DoctorOptions): Promise<boolean> {
  const { findLeaks, formatLeaks, isClean, leakConfigOf } = await import("../doctor/leaks/index.ts");
  const report = await findLeaks(leakConfigOf(config));
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : formatLeaks(report));
  return isClean(report);
}

async function showChecks(config: DaemonConfig, { json }: DoctorOptions): Promise<boolean> {
  const { formatChecks, runChecks } = await import("../doctor/checks/index.ts");
  const { terminalStyle } = await import("./trace/terminal-style.ts");
  const results = await runChecks(config);
  process.stdout.write(json ? `${JSON.stringify(results, null, 2)}\n` : formatChecks(results, terminalStyle().colour));
  return results.every(({ level }) => level !== "fail");
}

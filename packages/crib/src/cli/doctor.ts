import { loadConfig } from "../daemon/config/load-config.ts";
import { type ConfigOptions, toConfigFlags } from "./config-flags.ts";
import { ExitCode } from "./exit-code.ts";

/** The flags of `crib doctor`. */
export interface DoctorOptions extends ConfigOptions {
  readonly leaks?: true;
  readonly json?: true;
}

/** Checks the machine and the daemon, or counts leaks; exit code 1 when something is wrong. */
export async function doctorCommand(options: DoctorOptions): Promise<void> {
  const config = loadConfig(options.config, toConfigFlags(options));
  if (options.leaks) {
    const { findLeaks, formatLeaks, isClean, leakConfigOf } = await import("../doctor/leaks/index.ts");
    const report = await findLeaks(leakConfigOf(config));
    process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : formatLeaks(report));
    if (!isClean(report)) process.exitCode = ExitCode.failed;
  }
}

import { Code, StatusError } from "@crib/errdefs";

import { checkConfigFile, loadConfig, parseConfig } from "../daemon/config/load-config.ts";
import { renderConfig } from "../daemon/config/render-config.ts";
import { type ConfigOptions, toConfigFlags } from "./config-flags.ts";
import { ExitCode } from "./exit-code.ts";

/** The flags of `crib config`. */
export interface ConfigCommandOptions extends ConfigOptions {
  readonly default?: true;
  readonly check?: string;
}

/** Prints the configuration in force or the defaults, or checks a file. */
export async function configCommand(options: ConfigCommandOptions): Promise<void> {
  if (options.check !== undefined) {
    await checkFile(options.check);
    return;
  }
  if (options.default) {
    const defaults = parseConfig("");
    if (defaults.kind === "invalid")
      throw new StatusError(Code.Internal, `printing the defaults: ${defaults.problems[0]}`);
    process.stdout.write(renderConfig(defaults.config));
    return;
  }
  process.stdout.write(renderConfig(loadConfig(options.config, toConfigFlags(options))));
}

async function checkFile(path: string): Promise<void> {
  const check = checkConfigFile(path);
  const { unknownSteps } = await import("../daemon/config/step-names.ts");
  const problems = check.kind === "valid" ? unknownSteps(check.config) : check.problems;
  if (problems.length === 0) {
    console.log(`${path}: valid`);
    return;
  }
  for (const problem of problems) console.error(`${path}: ${problem}`);
  process.exitCode = ExitCode.failed;
}

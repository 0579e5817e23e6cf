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
export function configCommand(options: ConfigCommandOptions): void {
  if (options.check !== undefined) {
    checkFile(options.check);
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

function checkFile(path: string): void {
  const check = checkConfigFile(path);
  if (check.kind === "valid") {
    console.log(`${path}: valid`);
    return;
  }
  for (const problem of check.problems) console.error(`${path}: ${problem}`);
  process.exitCode = ExitCode.failed;
}

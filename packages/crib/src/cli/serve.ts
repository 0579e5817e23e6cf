import { checkConfigFile, type ConfigCheck, loadConfig } from "../daemon/config/load-config.ts";
import { type ConfigOptions, toConfigFlags } from "./config-flags.ts";

/** Serves the CRI until SIGTERM. */
export async function serveCommand(options: ConfigOptions): Promise<void> {
  const config = loadConfig(options.config, toConfigFlags(options));
  const { refuseUnknownSteps, unknownSteps } = await import("../daemon/config/step-names.ts");
  refuseUnknownSteps(config);
  const { serve } = await import("../daemon/serve.ts");
  const readConfig = (): ConfigCheck => {
    const check = checkConfigFile(options.config, toConfigFlags(options));
    const problems = check.kind === "valid" ? unknownSteps(check.config) : [];
    return problems.length > 0 ? { kind: "invalid", problems } : check;
  };
  await serve(config, { readConfig });
}

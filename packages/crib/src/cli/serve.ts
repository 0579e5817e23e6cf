import { loadConfig } from "../daemon/config/load-config.ts";
import { type ConfigOptions, toConfigFlags } from "./config-flags.ts";

/** Serves the CRI until SIGTERM. */
export async function serveCommand(options: ConfigOptions): Promise<void> {
  const config = loadConfig(options.config, toConfigFlags(options));
  const { refuseUnknownSteps } = await import("../daemon/config/step-names.ts");
  refuseUnknownSteps(config);
  const { serve } = await import("../daemon/serve.ts");
  await serve(config);
}

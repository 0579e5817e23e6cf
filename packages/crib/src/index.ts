export { checkConfigFile, type ConfigCheck, loadConfig, parseConfig } from "./daemon/config/load-config.ts";
export type { ConfigFlags, DaemonConfig } from "./daemon/config/types.ts";

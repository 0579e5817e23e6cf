export { checkConfigFile, type ConfigCheck, loadConfig, parseConfig } from "./daemon/config/load-config.ts";
export type { ConfigFlags, DaemonConfig } from "./daemon/config/types.ts";
export { type CribOptions, type EmbeddedCrib, startCrib } from "./embed/start-crib.ts";

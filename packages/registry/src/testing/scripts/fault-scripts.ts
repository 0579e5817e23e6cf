import { authScripts } from "./auth-scripts.ts";
import { blobScripts } from "./blob-scripts.ts";
import { contentScripts } from "./content-scripts.ts";
import type { FaultScript } from "./fault-script.ts";
import { serverScripts } from "./server-scripts.ts";

/** All the ways in which registries fail that a client is tried with. Pulls are made with `scriptCredentials`. */
export const faultScripts: readonly FaultScript[] = [
  ...serverScripts,
  ...contentScripts,
  ...blobScripts,
  ...authScripts,
];

import { join } from "node:path";

import type * as RunMain from "../run-main.ts";
import { requireWithCodeCache } from "./require-with-code-cache.ts";

/** The name of the daemon's bundle; put in by scripts/build.ts. */
declare const CRIB_SERVE_BUNDLE: string;

// Bundled, the daemon is one script of its own: it starts with a quarter less than from the modules that it would share with the commands.
const { runMain } =
  process.argv[2] === "serve"
    ? (requireWithCodeCache(join(import.meta.dirname, CRIB_SERVE_BUNDLE)) as typeof RunMain)
    : await import("../run-main.ts");
await runMain();

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Scratch } from "./scratch.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

/** How crib is started, where not as users start it. */
export interface CribOptions {
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** TOML tables behind the one of the default handler. */
  readonly config?: string;
  /** See `ServerCommand`. Default false. */
  readonly detached?: boolean;
}

/** Starts crib from this tree, on the network of the benchmark; `shim` runs the containers of its default handler, if it is there. */
export async function startCrib(scratch: Scratch, shim: string, options: CribOptions = {}): Promise<ServerProcess> {
  const home = join(scratch.dir, "crib");
  const state = join(scratch.state, "crib");
  mkdirSync(home);
  const config = join(home, "config.toml");
  const shimLine = existsSync(shim) ? `runtime_path = ${JSON.stringify(shim)}\n` : "";
  writeFileSync(config, `[runtimes.runc]\n${shimLine}${options.config ?? ""}`);
  const flags = [
    "--config",
    config,
    "--root",
    join(home, "root"),
    "--state",
    state,
    "--cni-conf-dir",
    scratch.cniConfDir,
  ];
  return await startServer({
    name: "crib",
    argv: [join(import.meta.dirname, "../../bin/crib"), "serve", ...flags, "--log-level", "warn"],
    socket: join(state, "crib.sock"),
    logFile: join(scratch.dir, "crib.log"),
    env: options.env ?? {},
    detached: options.detached ?? false,
  });
}

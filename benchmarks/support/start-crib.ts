import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Scratch } from "./scratch.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

/** Starts crib from this tree, on the network of the benchmark; `env` is added to its environment. */
export async function startCrib(
  scratch: Scratch,
  shim: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const home = join(scratch.dir, "crib");
  const state = join(scratch.state, "crib");
  mkdirSync(home);
  const config = join(home, "config.toml");
  const shimLine = existsSync(shim) ? `runtime_path = ${JSON.stringify(shim)}\n` : "";
  writeFileSync(config, `[runtimes.runc]\n${shimLine}`);
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
    env,
  });
}

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { Scratch } from "../support/scratch.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";
import { endTaskServer, type TaskServerOwner } from "./task-server.ts";

/** A daemon inside a program that brings the controller. */
export interface EmbeddedCrib extends TaskServerOwner, AsyncDisposable {
  readonly server: ServerProcess;
}

/** Starts it beside the daemon of `startCrib`, on the same network. */
export async function startEmbeddedCrib(scratch: Scratch): Promise<EmbeddedCrib> {
  const home = join(scratch.dir, "embedded");
  const state = join(scratch.state, "embedded");
  const stateDir = join(scratch.state, "embedded-tasks");
  for (const directory of [home, stateDir]) mkdirSync(directory);
  const config = `[runtimes.runc]\n[runtimes.own]\ncontroller = "own"\n`;
  const program = join(import.meta.dirname, "embedded-crib.ts");
  const server = await startServer({
    name: "crib",
    argv: [process.execPath, program, join(home, "root"), state, scratch.cniConfDir, stateDir, config],
    socket: join(state, "crib.sock"),
    logFile: join(scratch.dir, "embedded.log"),
  });
  return {
    server,
    stateDir,
    async [Symbol.asyncDispose](): Promise<void> {
      await server[Symbol.asyncDispose]();
      await endTaskServer({ stateDir });
    },
  };
}

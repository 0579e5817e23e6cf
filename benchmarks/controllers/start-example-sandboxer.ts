import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Scratch } from "../support/scratch.ts";
import { endTaskServer, type TaskServerOwner } from "./task-server.ts";

const program = join(import.meta.dirname, "../../examples/namespace-sandboxer/main.ts");

/** Milliseconds until its socket is there. */
const startMs = 20_000;

/** `examples/namespace-sandboxer` in processes of its own. Disposing ends them; its pods go before. */
export interface ExampleSandboxer extends TaskServerOwner, AsyncDisposable {
  /** Path of its socket. */
  readonly address: string;
  readonly pid: number;
}

/** Starts it with a directory below `scratch`, and waits until it serves. */
export async function startExampleSandboxer(scratch: Scratch): Promise<ExampleSandboxer> {
  const stateDir = join(scratch.state, "sandboxer");
  mkdirSync(stateDir);
  const address = join(stateDir, "sandboxer.sock");
  const log = openSync(join(scratch.dir, "sandboxer.log"), "a");
  const args = [program, "--address", `unix://${address}`, "--state-dir", stateDir];
  const child = spawn(process.execPath, args, { stdio: ["ignore", log, log], cwd: "/" });
  closeSync(log);
  const signal = AbortSignal.timeout(startMs);
  while (!existsSync(address)) {
    if (child.exitCode !== null) throw new Error(`the sandboxer ended with exit code ${child.exitCode}`);
    await sleep(10, undefined, { signal });
  }
  return {
    address,
    stateDir,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose](): Promise<void> {
      await end(child);
      await endTaskServer({ stateDir });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

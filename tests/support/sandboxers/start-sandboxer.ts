import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { eventually } from "../eventually.ts";
import type { Lane } from "../lane.ts";

const program = join(import.meta.dirname, "../../fixtures/sandboxers/namespaces.ts");

/** A sandboxer in a process of its own. */
export interface SandboxerProcess {
  /** Path of its socket. */
  readonly address: string;
  readonly pid: number;
  /** What it has printed. */
  log(): string;
  /** Ends it, and waits for that; pods stay. Default: SIGTERM. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** Path of the socket of the sandboxer of a lane. */
export function sandboxerAddress(lane: Lane): string {
  return join(lane.dir, "sandboxer", "sandboxer.sock");
}

/** Starts the sandboxer of a lane. Whoever starts it ends it. */
export async function startSandboxer(lane: Lane): Promise<SandboxerProcess> {
  const address = sandboxerAddress(lane);
  let output = "";
  const child: ChildProcess = spawn(process.execPath, [program, address, join(lane.dir, "sandboxer")], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: "/",
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const closed = once(child, "close");
  await eventually(10_000, async () => {
    if (child.exitCode !== null) throw new Error(`the sandboxer ended with ${child.exitCode}: ${output}`);
    if (!existsSync(address)) throw new Error(`no socket at ${address}: ${output}`);
  });
  return {
    address,
    pid: child.pid ?? 0,
    log: () => output,
    async end(signal = "SIGTERM"): Promise<void> {
      child.kill(signal);
      await closed;
    },
  };
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex, Readable } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import type { NriLog } from "../types.ts";
import type { InstalledPlugin } from "./find-plugins.ts";

/** The descriptor of the plugin's end of the connection. */
const pluginFd = 3;
/** A line of a plugin's output that is longer is cut. */
const maxLineBytes = 4096;

/** A plugin's process. */
export interface LaunchedPlugin {
  /** Our end of the connection. */
  readonly socket: Duplex;
  readonly pid: number;
  /** Kills the process with all that it started in its session, and settles when it is reaped. Idempotent. */
  end(): Promise<void>;
}

/**
 * Starts a plugin with three variables and its end of a socket pair as descriptor 3. Fails with the errno's code when the program cannot
 * be started. `node:child_process` and not `spawnProcess`, since it can hand over that descriptor; it is done once, at the start.
 */
export async function launchPlugin(plugin: InstalledPlugin, log: NriLog): Promise<LaunchedPlugin> {
  const child = spawn(plugin.path, [], {
    env: { NRI_PLUGIN_NAME: plugin.name, NRI_PLUGIN_IDX: plugin.index, NRI_PLUGIN_SOCKET: String(pluginFd) },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    // A session of its own: what it starts ends with it.
    detached: true,
  });
  const fullName = `${plugin.index}-${plugin.name}`;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  try {
    await once(child, "spawn");
  } catch (error) {
    throw StatusError.from(error, `starting plugin "${fullName}"`);
  }
  for (const output of [child.stdout, child.stderr]) {
    if (output !== null) logLines(output, (line) => log("info", "NRI plugin wrote", { plugin: fullName, line }));
  }
  const socket = child.stdio[pluginFd];
  const { pid } = child;
  if (pid === undefined || !socket || !("write" in socket)) {
    throw new StatusError(Code.Internal, `starting plugin "${fullName}": it has no connection`);
  }
  return { socket: socket as Duplex, pid, end: () => end(child, pid, exited) };
}

async function end(child: ChildProcess, pid: number, exited: Promise<void>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    // Not reaped yet, so the number is still that of this process and of its group.
    process.kill(-pid, "SIGKILL");
  }
  await exited;
  for (const output of child.stdio) output?.destroy();
}

function logLines(output: Readable, onLine: (line: string) => void): void {
  let rest = "";
  output.setEncoding("utf8");
  output.on("error", () => {}); // its end says the same
  output.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(0, maxLineBytes);
    for (const line of lines) if (line !== "") onLine(line.slice(0, maxLineBytes));
  });
  output.on("end", () => {
    if (rest !== "") onLine(rest);
  });
}

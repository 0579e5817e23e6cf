import { writeSync } from "node:fs";
import { mkdir } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

import { parseShimArguments, type ShimArguments } from "./parse-shim-arguments.ts";
import { shimLog } from "./shim-log.ts";
import { groupOfBundle, shimSocketPath, shimStateDir } from "./shim-socket-path.ts";
import { readyFd, startShimServer } from "./start-shim-server.ts";
import type { SandboxShimOptions, ShimContext } from "./types.ts";

/**
 * The main function of a Runtime v2 shim that serves the Sandbox API (`containerd.runtime.sandbox.v1.Sandbox`) and the tasks of one pod over ttrpc. Does what the command line
 * says, and ends the process: `start` makes the process that serves and prints where, `delete` removes what a dead one left, `-v` and `-info` say what it
 * is. A failure is told on the standard error stream, with exit code 1.
 */
export async function runSandboxShim(options: SandboxShimOptions): Promise<never> {
  let serves = false;
  try {
    const args = parseShimArguments(process.argv.slice(2));
    serves = args.command === "serve";
    await run(options, args);
  } catch (reason) {
    const { message } = StatusError.from(reason);
    // A process that serves has nobody but who started it.
    if (serves) tellStarter(message);
    else process.stderr.write(`${message}\n`);
    process.exit(1);
  }
  process.exit(0);
}

async function run(options: SandboxShimOptions, args: ShimArguments): Promise<void> {
  const { command } = args;
  if (command === "version") {
    process.stdout.write(`${process.argv[1] ?? options.name}:\n  Version:  ${options.version ?? "0.0.0"}\n`);
  } else if (command === "info") {
    const { shimInfo } = await import("./shim-info.ts");
    writeSync(1, shimInfo(options));
  } else if (command === "start") {
    writeSync(1, await startShimServer(args, options.socketDir));
  } else {
    const context = await contextOf(options, args);
    const socket = shimSocketPath({ ...args, groupId: context.sandboxId }, options.socketDir);
    if (command === "serve") {
      const { serveShim } = await import("./serve-shim.ts");
      await serveShim(options, context, socket);
    } else {
      const { deleteShim } = await import("./delete-shim.ts");
      writeSync(1, await deleteShim(options, context, socket));
    }
  }
}

async function contextOf(options: SandboxShimOptions, args: ShimArguments): Promise<ShimContext> {
  const { namespace, id, debug } = args;
  const bundle = args.bundle || process.cwd();
  const sandboxId = await groupOfBundle(bundle, id);
  const parent = options.stateDir ?? `/run/${options.name.split(".").at(-2) ?? options.name}`;
  const stateDir = shimStateDir({ ...args, groupId: sandboxId }, parent);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  return { namespace, id, sandboxId, bundle, stateDir, debug, log: shimLog(bundle, debug) };
}

function tellStarter(message: string): void {
  try {
    writeSync(readyFd, message);
  } catch {
    // Nobody started it, or it served already.
  }
}

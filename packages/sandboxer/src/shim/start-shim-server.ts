import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";

import { Code, StatusError } from "@crib/errdefs";
import { answersAt } from "@crib/grpc/private-socket";

import type { ShimArguments } from "./parse-shim-arguments.ts";
import { groupOfBundle, shimSocketPath } from "./shim-socket-path.ts";

/** The descriptor on which a server says, by closing it, that it serves, or why it does not. */
export const readyFd = 3;

/**
 * The `start` command: makes a server of the same program in a session of its own, and gives what is to be printed when that serves. When the shim of the
 * pod serves already, its address is the answer.
 */
export async function startShimServer(args: ShimArguments, socketDir: string | undefined): Promise<string> {
  const bundle = args.bundle || process.cwd();
  const socket = shimSocketPath({ ...args, groupId: await groupOfBundle(bundle, args.id) }, socketDir);
  if (!(await answersAt(socket))) {
    await mkdir(dirname(socket), { recursive: true, mode: 0o711 });
    const failure = await launch(args, bundle);
    // Another start for the same pod may have been quicker.
    if (failure !== "" && !(await answersAt(socket))) {
      throw new StatusError(Code.Internal, `starting the shim of "${args.id}": ${failure}`);
    }
  }
  return JSON.stringify({ version: 3, address: `unix://${socket}`, protocol: "ttrpc" });
}

/** Empty when it serves, else why not. */
async function launch({ namespace, address, id, debug }: ShimArguments, bundle: string): Promise<string> {
  const [, program = ""] = process.argv;
  const flags = [
    "-namespace",
    namespace,
    "-address",
    address,
    "-id",
    id,
    "-bundle",
    bundle,
    ...(debug ? ["-debug"] : []),
  ];
  const child = spawn(process.execPath, [...process.execArgv, program, ...flags, "serve"], {
    // A session of its own, and nothing of what this process has open: who started it waits until its output is closed.
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
    cwd: "/",
  });
  const spawned = Promise.withResolvers<string>();
  child.once("error", (error) => spawned.resolve(error.message));
  const ended = Promise.withResolvers<string>();
  child.once("exit", (code, signal) => ended.resolve(`it ended with ${signal ?? `exit code ${code}`}`));
  const said = await Promise.race([text(child.stdio[readyFd] as Readable), spawned.promise]);
  if (said === "serving") {
    child.unref();
    return "";
  }
  return said === "" ? await ended.promise : said;
}

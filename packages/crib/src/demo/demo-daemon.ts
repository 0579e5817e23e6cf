import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { connectCri } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";

/** The command line's own entry: `src/main.ts` as source, `main.js` beside the other chunks in a bundle. */
const main = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "../main.ts" : "./main.js", import.meta.url));
/** Milliseconds until the daemon serves. */
const startMs = 30_000;
/** Milliseconds until it has ended after SIGTERM. */
const stopMs = 20_000;
/** Characters of its log that are kept for the case of a failure. */
const logLimit = 16_384;

/** A `crib serve` process of our own. */
export interface DemoDaemon extends AsyncDisposable {
  /** Ends it and waits for that; it is killed when it does not end by itself. May be repeated. */
  stop(): Promise<void>;
}

/** Starts a daemon and settles once it serves. `verbose` passes its log on. Fails with the end of its log. */
export async function startDemoDaemon(
  configPath: string,
  socket: string,
  options: { readonly verbose: boolean; readonly signal: AbortSignal },
): Promise<DemoDaemon> {
  const child = spawn(process.execPath, [...process.execArgv, main, "serve", "--config", configPath], {
    stdio: ["ignore", "pipe", "pipe"],
    // Ctrl-C on the terminal must reach the demo alone: the daemon is needed to remove the pods.
    detached: true,
  });
  const log = keepLog(child, options.verbose);
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve()).once("error", () => resolve());
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), stopMs);
    await exited;
    clearTimeout(late);
  };
  try {
    await waitUntilReady(child, socket, options.signal);
  } catch (reason) {
    await stop();
    const { message, code } = StatusError.from(reason);
    throw new StatusError(code, `starting crib serve: ${lastComplaint(log()) ?? message}`, { cause: reason });
  }
  return { stop, [Symbol.asyncDispose]: stop };
}

async function waitUntilReady(child: ChildProcess, socket: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + startMs;
  await using client = connectCri(socket, { timeoutMs: 2_000 });
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      throw new StatusError(Code.Unavailable, `it ended with ${child.signalCode ?? `exit code ${child.exitCode}`}`);
    }
    const isReady = await client.runtime.status({}).then(
      ({ status }) => status?.conditions.every((condition) => condition.status) ?? false,
      () => false,
    );
    if (isReady) return;
    await delay(50, undefined, { signal });
  }
  throw new StatusError(Code.DeadlineExceeded, `it is not ready within ${startMs / 1000} s`);
}

/** Gathers the daemon's output, the end of it at most. */
function keepLog(child: ChildProcess, verbose: boolean): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text = (text + chunk).slice(-logLimit);
      if (verbose) process.stderr.write(chunk);
    });
  }
  return () => text;
}

/** The last line that says what is wrong: the daemon's one-line error, or a warning of its log. */
function lastComplaint(log: string): string | undefined {
  const lines = log.split("\n").filter((line) => line !== "");
  const error = lines.findLast((line) => line.startsWith("crib: "));
  if (error !== undefined) return error.slice("crib: ".length);
  return lines.findLast((line) => /"level":"(warn|error|fatal)"/.test(line));
}

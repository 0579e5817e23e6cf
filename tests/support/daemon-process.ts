import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

const crib = join(import.meta.dirname, "../../bin/crib");

/** Milliseconds that a daemon may take until it says that it is ready, on a busy machine. */
const readyMs = 120_000;

/** A `bin/crib serve` that runs or has run. */
export interface DaemonProcess {
  readonly pid: number;
  /** The line that says that it serves. */
  readonly readyLine: string;
  readonly ended: Promise<{ readonly exitCode: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Sends a signal to this process and no other; nothing when it has ended. */
  signal(name: NodeJS.Signals): void;
}

/** How to start a daemon. */
export interface DaemonOptions {
  readonly configFile: string;
  /** Told of everything it prints. */
  readonly onOutput: (text: string) => void;
  readonly env?: Readonly<Record<string, string>>;
  /** In octal, such as `000`. Default: that of the test. */
  readonly umask?: string;
}

/** Starts a daemon and waits until it serves. Rejects with what it printed when it ends before. */
export async function startDaemon(options: DaemonOptions): Promise<DaemonProcess> {
  const child = spawnDaemon(options);
  const { pid } = child;
  if (pid === undefined) throw new Error("bin/crib serve could not be started");
  const ended = new Promise<Awaited<DaemonProcess["ended"]>>((resolve) => {
    child.on("exit", (exitCode, signal) => resolve({ exitCode, signal }));
  });
  const readyLine = await nextReadyLine(child, options.onOutput);
  return {
    pid,
    readyLine,
    ended,
    signal(name): void {
      // The pid is ours until its exit was seen.
      if (child.exitCode === null && child.signalCode === null) child.kill(name);
    },
  };
}

function spawnDaemon({ configFile, env, umask }: DaemonOptions): ChildProcess {
  const serve = [crib, "serve", "--config", configFile];
  const started = umask === undefined ? serve : ["sh", "-c", `umask ${umask}; exec "$@"`, "sh", ...serve];
  // Should this test be killed, its daemon must not outlive it. Every program in the row execs the next, so the pid is the daemon's.
  return spawn("setpriv", ["--pdeathsig", "KILL", "--", ...started], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, CRIB_FAULTS: undefined, ...env },
  });
}

function nextReadyLine(child: ChildProcess, onOutput: (text: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    let ready = false;
    const fail = (why: string): void => reject(new Error(`bin/crib serve ${why}; it printed:\n${text}`));
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`was not ready within ${readyMs} ms`);
    }, readyMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        onOutput(chunk);
        if (ready) return;
        text += chunk;
        const line = text.split("\n").find((one) => one.includes("crib is ready"));
        if (line === undefined) return;
        ready = true;
        clearTimeout(timer);
        resolve(line);
      });
    }
    child.on("error", reject);
    // Not "exit": what it printed last is still to be read then.
    child.on("close", (exitCode, signal) => {
      clearTimeout(timer);
      fail(`ended with ${signal ?? exitCode} before it was ready`);
    });
  });
}

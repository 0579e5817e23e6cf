import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { endAfter } from "../end-after.ts";
import { eventually } from "../eventually.ts";
import { isRunning } from "../is-running.ts";

const examples = join(import.meta.dirname, "../../../examples");

/** `examples/sandbox-shim`, as the table of a runtime handler. */
export const exampleShimHandler = {
  controller: "shim",
  runtime_type: "io.containerd.cribexample.v1",
  runtime_path: join(examples, "sandbox-shim/containerd-shim-cribexample-v1"),
};

/** `examples/namespace-sandboxer` in processes of its own. */
export interface ExampleSandboxer {
  /** Path of its socket. */
  readonly address: string;
  /** Where it keeps what it knows. */
  readonly stateDir: string;
  /** The process that runs now. */
  readonly pid: number;
  /** The process that runs tasks, which outlives it; undefined while there is none. */
  taskServerPid(): number | undefined;
  /** What it keeps of the pods of a node; the node's ids end in `instance`. */
  leftovers(instance: string): readonly string[];
  /** What it has printed. */
  log(): string;
  /** Sends it a signal, and waits for its end; pods stay. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again, after its end. */
  start(): Promise<void>;
}

/**
 * Starts the example sandboxer. It ends with the test, and so does the process that runs tasks: start it before the node, whose pods go first
 * then.
 */
export async function startExampleSandboxer(t: TestContext): Promise<ExampleSandboxer> {
  const stateDir = mkdtempSync(join(tmpdir(), "crib-sandboxer-"));
  const address = join(stateDir, "sandboxer.sock");
  let output = "";
  let process = await launch();
  async function launch(): Promise<{ readonly pid: number; readonly closed: Promise<unknown> }> {
    const args = [
      join(examples, "namespace-sandboxer/main.ts"),
      "--address",
      `unix://${address}`,
      "--state-dir",
      stateDir,
    ];
    const child = spawn(globalThis.process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], cwd: "/" });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    // Not "close": the process that runs tasks has the same standard error, and stays.
    const closed = once(child, "exit");
    await eventually(20_000, () => {
      if (child.exitCode !== null) throw new Error(`the sandboxer ended with ${child.exitCode}: ${output}`);
      if (!existsSync(address)) throw new Error(`no socket at ${address}: ${output}`);
    });
    return { pid: child.pid ?? 0, closed };
  }
  const taskServerPid = (): number | undefined => findTaskServer(stateDir);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (isRunning(process.pid)) globalThis.process.kill(process.pid, signal);
    await process.closed;
  };
  endAfter(t, async () => {
    await end("SIGTERM");
    // A sandboxer that was killed may have been starting one when the next did.
    const told = new Set<number>();
    await eventually(10_000, () => {
      const tasks = taskServerPid();
      if (tasks === undefined) return;
      if (!told.has(tasks)) globalThis.process.kill(tasks, "SIGTERM");
      told.add(tasks);
      throw new Error(`the process that runs tasks is there still: ${tasks}`);
    });
    rmSync(stateDir, { recursive: true, force: true });
  });
  return {
    address,
    stateDir,
    get pid() {
      return process.pid;
    },
    taskServerPid,
    leftovers: (instance) =>
      readdirSync(stateDir, { recursive: true, encoding: "utf8" }).filter((path) => path.includes(instance)),
    log: () => output,
    end,
    async start(): Promise<void> {
      process = await launch();
    },
  };
}

/** By its arguments, of which the directory is this test's alone. */
function findTaskServer(stateDir: string): number | undefined {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const found = pids.find((pid) => {
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return args.some((arg) => arg.endsWith("/task-server.ts")) && args.includes(stateDir);
    } catch {
      return false; // it has ended meanwhile
    }
  });
  return found === undefined || !isRunning(Number(found)) ? undefined : Number(found);
}

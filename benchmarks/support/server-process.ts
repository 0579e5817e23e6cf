import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { connectCri, type CriClient } from "@crib/cri-client";

/** A CRI server that a benchmark started. */
export interface ServerProcess extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly socket: string;
  readonly client: CriClient;
  /** SIGKILL, start again, and milliseconds until it answers and lists its pods. */
  restart(): Promise<number>;
}

/** How to run a CRI server. */
export interface ServerCommand {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  readonly socket: string;
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it is in a process group of its own, which Ctrl-C does not reach: for benchmarks that remove their pods when interrupted. */
  readonly detached?: boolean;
}

/** Milliseconds for a server to answer after its start. */
const answerMs = 30_000;

/** Starts a CRI server and waits until it is ready for pods. Disposing ends it by SIGTERM. */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const client = connectCri(command.socket);
  let child = launch(command);
  try {
    await untilReady(client, child, command.name);
  } catch (reason) {
    client.close();
    await end(child, "SIGTERM");
    throw reason;
  }
  return {
    name: command.name,
    get pid() {
      return child.pid ?? 0;
    },
    socket: command.socket,
    client,
    async restart(): Promise<number> {
      await end(child, "SIGKILL");
      const began = performance.now();
      child = launch(command);
      await untilReady(client, child, command.name);
      await client.runtime.listPodSandbox({});
      return performance.now() - began;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      client.close();
      await end(child, "SIGTERM");
    },
  };
}

function launch({ argv, env, logFile, detached = false }: ServerCommand): ChildProcess {
  const [program, ...args] = argv;
  const log = openSync(logFile, "a");
  const child = spawn(program, args, { env: { ...process.env, ...env }, detached, stdio: ["ignore", log, log] });
  closeSync(log);
  return child;
}

async function untilReady(client: CriClient, child: ChildProcess, name: string): Promise<void> {
  const deadline = performance.now() + answerMs;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${name} ended with exit code ${child.exitCode}`);
    try {
      const { status } = await client.runtime.status({}, { timeoutMs: 2_000 });
      if (
        status?.conditions.every(
          (condition) => condition.type === "ContainerdHasNoDeprecationWarnings" || condition.status,
        )
      ) {
        await client.runtime.listPodSandbox({}, { timeoutMs: 2_000 });
        return;
      }
    } catch (reason) {
      if (performance.now() > deadline) throw reason;
    }
    if (performance.now() > deadline) throw new Error(`${name} is not ready after ${answerMs} ms`);
    await sleep(5);
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
}

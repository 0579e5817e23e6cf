import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { runProgram, type Ended } from "../support/run-program.ts";

const binary = join(import.meta.dirname, "bin/crictl");

/** A command of crictl that runs until it is told to end, or by itself. */
export interface RunningCrictl {
  readonly child: ChildProcess;
  /** What it printed so far, on both outputs. */
  said(): string;
  /** Kills it, if it runs, and waits for that: some of its commands wait for their server when they are asked. */
  end(): Promise<void>;
}

/** crictl against one runtime. */
export interface Crictl {
  /** Runs a command to its end, failed or not. */
  run(...args: readonly string[]): Promise<Ended>;
  /** The standard output of a command that must succeed. */
  text(...args: readonly string[]): Promise<string>;
  /** The JSON that a command prints with `-o json`, an option that has to go before the command's arguments. */
  json<T>(command: string, ...args: readonly string[]): Promise<T>;
  /** Starts a command; the caller ends it. */
  start(...args: readonly string[]): RunningCrictl;
  /** The command itself, for another program to run. */
  argv(...args: readonly string[]): readonly string[];
}

/** Gives crictl with a configuration file of its own in `dir`, so that the machine's does not matter. */
export function crictlFor(endpoint: string, dir: string): Crictl {
  const config = join(dir, "crictl.yaml");
  writeFileSync(config, `runtime-endpoint: ${endpoint}\nimage-endpoint: ${endpoint}\ntimeout: 30\n`);
  const run: Crictl["run"] = (...args) => runProgram([binary, "--config", config, ...args], { mayFail: true });
  const text: Crictl["text"] = async (...args) => (await runProgram([binary, "--config", config, ...args])).stdout;
  const json: Crictl["json"] = async <T>(command: string, ...args: readonly string[]) =>
    JSON.parse(await text(command, "-o", "json", ...args)) as T;
  return {
    run,
    text,
    json,
    start: (...args) => startCrictl(["--config", config, ...args]),
    argv: (...args) => [binary, "--config", config, ...args],
  };
}

function startCrictl(args: readonly string[]): RunningCrictl {
  const child = spawn(binary, args, { stdio: "pipe" });
  let text = "";
  for (const output of [child.stdout, child.stderr]) output.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stdin.on("error", () => {}); // it has ended
  const exited = once(child, "exit");
  exited.catch(() => {}); // not started: what it should have said is missing
  return {
    child,
    said: () => text,
    async end() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
    },
  };
}

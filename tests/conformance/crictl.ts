import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { runProgram, type Ended } from "../support/run-program.ts";

const binary = join(import.meta.dirname, "bin/crictl");

/** crictl against one runtime. */
export interface Crictl {
  /** Runs a command to its end, failed or not. */
  run(...args: readonly string[]): Promise<Ended>;
  /** The standard output of a command that must succeed. */
  text(...args: readonly string[]): Promise<string>;
  /** The JSON that a command prints with `-o json`, an option that has to go before the command's arguments. */
  json<T>(command: string, ...args: readonly string[]): Promise<T>;
}

/** Gives crictl with a configuration file of its own in `dir`, so that the machine's does not matter. */
export function crictlFor(endpoint: string, dir: string): Crictl {
  const config = join(dir, "crictl.yaml");
  writeFileSync(config, `runtime-endpoint: ${endpoint}\nimage-endpoint: ${endpoint}\ntimeout: 30\n`);
  const run: Crictl["run"] = (...args) => runProgram([binary, "--config", config, ...args], { mayFail: true });
  const text: Crictl["text"] = async (...args) => (await runProgram([binary, "--config", config, ...args])).stdout;
  const json: Crictl["json"] = async <T>(command: string, ...args: readonly string[]) =>
    JSON.parse(await text(command, "-o", "json", ...args)) as T;
  return { run, text, json };
}

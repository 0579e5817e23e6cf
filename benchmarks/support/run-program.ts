import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export type RunProgram = (program: string, args: readonly string[]) => Promise<string>;

/** Runs a program to its end and gives its standard output; rejects when it fails. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly timeoutMs: number },
): Promise<string> {
  const { stdout } = await run(program, [...args], { timeout: options.timeoutMs, maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parseResults, type Result } from "./result.ts";

export interface NodeTestOptions {
  readonly files: readonly string[];
  /** How many files run at the same time. */
  readonly concurrency: number;
  /** Limit of one test and of one file; a test that hangs must not take the whole run's time. */
  readonly timeoutMs: number;
}

/** Runs test files with Node's runner, its report on standard output, and gives the result of each test. */
export async function runNodeTests(origin: string, options: NodeTestOptions): Promise<readonly Result[]> {
  const folder = await mkdtemp(join(tmpdir(), "crib-results-"));
  try {
    const output = join(folder, "results.jsonl");
    const code = await run(process.execPath, [
      "--test",
      `--test-concurrency=${options.concurrency}`,
      `--test-timeout=${options.timeoutMs}`,
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      `--test-reporter=${join(import.meta.dirname, "results-reporter.ts")}`,
      `--test-reporter-destination=${output}`,
      ...options.files,
    ]);
    const results = parseResults(await readFile(output, "utf8").catch(() => ""));
    const explained = code === 0 || results.some((result) => result.state === "failed");
    return explained ? results : [...results, { name: `the runner left with ${code}`, origin, state: "failed" }];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a program with this process's standard output and error and no input; gives its exit code, or 1 when a signal ended it. */
export async function run(program: string, args: readonly string[]): Promise<number> {
  const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { endOldestChild } from "./end-oldest-child.ts";
import { parseResults, type Result } from "./result.ts";

export interface NodeTestOptions {
  readonly files: readonly string[];
  /** How many files run at the same time. */
  readonly concurrency: number;
  /** Limit of one test. */
  readonly timeoutMs: number;
  /**
   * How long there may be no result: then the file that has run longest is ended and counts as failed. Such is a file whose tests are
   * done and which something keeps alive; the runner would wait for ever. Default: a minute more than a test's limit.
   */
  readonly stallMs?: number;
}

/** Runs test files with Node's runner, its report on standard output, and gives the result of each test. */
export async function runNodeTests(origin: string, options: NodeTestOptions): Promise<readonly Result[]> {
  const folder = await mkdtemp(join(tmpdir(), "crib-results-"));
  try {
    const output = join(folder, "results.jsonl");
    const runner = start(process.execPath, [
      "--test",
      `--test-concurrency=${options.concurrency}`,
      `--test-timeout=${options.timeoutMs}`,
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      `--test-reporter=${join(import.meta.dirname, "results-reporter.ts")}`,
      `--test-reporter-destination=${output}`,
      ...options.files,
    ]);
    using _ = watch(runner, output, options.stallMs ?? options.timeoutMs + 60_000);
    const code = await exitCode(runner);
    const results = parseResults(await readFile(output, "utf8").catch(() => ""));
    const explained = code === 0 || results.some((result) => result.state === "failed");
    return explained ? results : [...results, { name: `the runner left with ${code}`, origin, state: "failed" }];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a program with this process's standard output and error and no input; gives its exit code, or 1 when a signal ended it. */
export async function run(program: string, args: readonly string[]): Promise<number> {
  return exitCode(start(program, args));
}

/**
 * The cache keeps byte code, and sources without their types: a test file that imports the daemon's parts begins after a third of the
 * processor time. It is the one that bin/crib fills as well.
 */
const compileCache = join(import.meta.dirname, "../../.tools/compile-cache");

function start(program: string, args: readonly string[]): ChildProcess {
  const env = { NODE_COMPILE_CACHE: compileCache, ...process.env };
  return spawn(program, args, { stdio: ["ignore", "inherit", "inherit"], env });
}

async function exitCode(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}

/** Looks at the growth of the results; files report in their order, so what holds the runner up is its oldest child. */
function watch(runner: ChildProcess, output: string, stallMs: number): Disposable {
  let size = -1;
  let grewAt = performance.now();
  const look = async (): Promise<void> => {
    const now = await stat(output).then(
      (found) => found.size,
      () => 0,
    );
    if (now !== size) grewAt = performance.now();
    size = now;
    if (performance.now() - grewAt < stallMs || runner.pid === undefined || runner.exitCode !== null) return;
    console.log(
      `no result for ${stallMs / 1000} s: ending ${endOldestChild(runner.pid) ?? "nothing, there is no test file running"}`,
    );
    grewAt = performance.now();
  };
  const timer = setInterval(() => void look(), Math.min(5_000, stallMs / 4));
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

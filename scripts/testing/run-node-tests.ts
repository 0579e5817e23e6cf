import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { endOldestChild } from "./end-oldest-child.ts";
import { parseResults, type Result } from "./result.ts";

export interface NodeTestOptions {
  readonly files: readonly string[];
  /** How many files, or processes of several, run at the same time. */
  readonly concurrency: number;
  /**
   * How many files run in one process at most, one after the other, which start Node and load what they test once; of a small file
   * that is most of what it costs. What they print comes when they are done. Default: a process for each file.
   */
  readonly filesPerProcess?: number;
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
  const { files, concurrency, filesPerProcess } = options;
  if (filesPerProcess === undefined) {
    const flags = [`--test-concurrency=${concurrency}`];
    return runFiles(origin, { ...options, flags, endStalled: endOldestFile });
  }
  const groups = Array.from({ length: Math.ceil(files.length / filesPerProcess) }, (_, index) =>
    files.slice(index * filesPerProcess, (index + 1) * filesPerProcess),
  );
  const results: Result[] = [];
  const work = async (): Promise<void> => {
    for (let group = groups.shift(); group; group = groups.shift()) {
      const flags = ["--test-isolation=none"];
      const name = `${origin}: ${group.join(", ")}`;
      results.push(...(await runFiles(name, { ...options, files: group, flags, endStalled: endAll })));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return results;
}

interface RunOptions extends NodeTestOptions {
  readonly flags: readonly string[];
  /** Ends what holds a runner up, and says what that is. */
  readonly endStalled: (runner: ChildProcess) => string;
}

async function runFiles(origin: string, options: RunOptions): Promise<readonly Result[]> {
  const folder = await mkdtemp(join(tmpdir(), "crib-results-"));
  try {
    const output = join(folder, "results.jsonl");
    const args = [
      "--test",
      ...options.flags,
      `--test-timeout=${options.timeoutMs}`,
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      `--test-reporter=${join(import.meta.dirname, "results-reporter.ts")}`,
      `--test-reporter-destination=${output}`,
      ...options.files,
    ];
    // What several print at the same time would be mixed.
    await using log = options.filesPerProcess === undefined ? undefined : await open(join(folder, "log"), "w+");
    const runner = start(process.execPath, args, log?.fd ?? "inherit");
    using _ = watch(runner, output, options);
    const code = await exitCode(runner);
    if (log) process.stdout.write(await readFile(join(folder, "log")));
    const results = parseResults(await readFile(output, "utf8").catch(() => ""));
    const explained = code === 0 || results.some((result) => result.state === "failed");
    return explained ? results : [...results, { name: `the runner left with ${code}`, origin, state: "failed" }];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Files report in their order, so what holds a runner up that has a process for each is its oldest child. */
function endOldestFile({ pid }: ChildProcess): string {
  return (pid === undefined ? undefined : endOldestChild(pid)) ?? "nothing, there is no test file running";
}

function endAll(runner: ChildProcess): string {
  runner.kill("SIGKILL");
  return "the process of all its files";
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

function start(program: string, args: readonly string[], output: number | "inherit" = "inherit"): ChildProcess {
  const env = { NODE_COMPILE_CACHE: compileCache, ...process.env };
  return spawn(program, args, { stdio: ["ignore", output, output], env });
}

async function exitCode(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}

/** Looks at the growth of the results. */
function watch(runner: ChildProcess, output: string, options: RunOptions): Disposable {
  const stallMs = options.stallMs ?? options.timeoutMs + 60_000;
  let size = -1;
  let grewAt = performance.now();
  const look = async (): Promise<void> => {
    const now = await stat(output).then(
      (found) => found.size,
      () => 0,
    );
    if (now !== size) grewAt = performance.now();
    size = now;
    if (performance.now() - grewAt < stallMs || runner.exitCode !== null) return;
    console.log(`no result for ${stallMs / 1000} s: ending ${options.endStalled(runner)}`);
    grewAt = performance.now();
  };
  const timer = setInterval(() => void look(), Math.min(5_000, stallMs / 4));
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

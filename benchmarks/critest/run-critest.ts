import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, closeSync } from "node:fs";
import { join } from "node:path";

/** How much critest is to do, and of what. */
export interface CritestRun {
  readonly critest: string;
  /** Socket of the runtime. */
  readonly socket: string;
  /** For its files; made anew and removed. */
  readonly dir: string;
  /** Samples of each kind; 0 leaves the kind out. */
  readonly pods: number;
  readonly containers: number;
  readonly parallelism: number;
  readonly signal: AbortSignal;
}

/** What critest has of one kind (`LifecycleBenchmarksResultsSet` of its sources), times in nanoseconds. */
export interface CritestSamples {
  readonly operationsNames: readonly string[];
  readonly datapoints: readonly {
    readonly startTime: number;
    readonly endTime: number;
    readonly operationsDurationsNs: readonly number[];
  }[];
}

/** What critest's files of samples begin with. */
export type SampleKind = "pod" | "container";

/** Seconds that critest waits for one sample before it gives up. */
const sampleSeconds = 60;

/** Milliseconds for one run: to start, and for each sample some ten times what it takes. */
const startMs = 60_000;
const perSampleMs = 5_000;

/** Runs critest's benchmarks of pods and containers once; ends it by SIGKILL when it takes too long or is not wanted any more. */
export async function runCritest(run: CritestRun): Promise<Readonly<Record<SampleKind, CritestSamples>>> {
  rmSync(run.dir, { recursive: true, force: true });
  mkdirSync(run.dir);
  const logFile = join(run.dir, "critest.log");
  const log = openSync(logFile, "a");
  const child = spawn(run.critest, flagsOf(run), {
    // In a folder of its own: critest looks for a configuration file where it is started.
    cwd: run.dir,
    stdio: ["ignore", log, log],
    timeout: startMs + (run.pods + run.containers) * perSampleMs,
    killSignal: "SIGKILL",
  });
  closeSync(log);
  const kill = (): void => void child.kill("SIGKILL");
  run.signal.addEventListener("abort", kill);
  try {
    if (run.signal.aborted) kill();
    await once(child, "exit");
  } finally {
    run.signal.removeEventListener("abort", kill);
  }
  run.signal.throwIfAborted();
  if (child.exitCode !== 0) {
    const end = child.signalCode ?? `exit code ${child.exitCode}`;
    throw new Error(`critest at ${run.socket} ended with ${end}:\n${readFileSync(logFile, "utf8").slice(-4_000)}`);
  }
  const samples = { pod: readSamples(run.dir, "pod"), container: readSamples(run.dir, "container") };
  check(samples.pod, run.pods);
  check(samples.container, run.containers);
  return samples;
}

function flagsOf(run: CritestRun): readonly string[] {
  const parameters = join(run.dir, "parameters.json");
  // JSON is YAML. The benchmarks of images are left out by the number of their samples.
  const settings = {
    podsNumber: run.pods,
    podsNumberParallel: run.parallelism,
    podBenchmarkTimeoutSeconds: sampleSeconds,
    containersNumber: run.containers,
    containersNumberParallel: run.parallelism,
    containerBenchmarkTimeoutSeconds: sampleSeconds,
    imagesNumber: 0,
  };
  writeFileSync(parameters, JSON.stringify(settings));
  return [
    "-benchmark",
    `-runtime-endpoint=unix://${run.socket}`,
    `-image-endpoint=unix://${run.socket}`,
    `-benchmarking-params-file=${parameters}`,
    `-benchmarking-output-dir=${run.dir}`,
    // One sample without a figure for its parts.
    "-ginkgo.skip=start a container from scratch",
    "-ginkgo.no-color",
    // The same order in each run.
    "-ginkgo.seed=1",
  ];
}

function readSamples(dir: string, kind: SampleKind): CritestSamples {
  const file = join(dir, `${kind}_benchmark_data.json`);
  if (!existsSync(file)) return { operationsNames: [], datapoints: [] };
  return JSON.parse(readFileSync(file, "utf8")) as CritestSamples;
}

function check({ datapoints }: CritestSamples, wanted: number): void {
  if (datapoints.length !== wanted) throw new Error(`critest has ${datapoints.length} samples of ${wanted}`);
}

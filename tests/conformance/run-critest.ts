import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";

import { readSkipList } from "../../scripts/testing/skip-list.ts";
import { readReport, type SpecResult } from "./critest-report.ts";

/** How to run critest. */
export interface CritestOptions {
  /** CRI endpoint of the runtime and of its images, such as `unix:///run/crib/crib.sock`. */
  readonly endpoint: string;
  /** Regular expressions on spec names, any of which may match; none is the whole suite. */
  readonly focus: readonly string[];
  /** Regular expressions on names of specs that do not run. Default: none. */
  readonly leaveOut?: readonly string[];
  /** Handler passed to RunPodSandbox. Default: empty, the runtime's default. */
  readonly runtimeHandler?: string;
  /**
   * Socket at which plugins connect to the runtime. Passed as `-nri-socket` to a critest that has the flag; releases up to 1.36 have
   * neither it nor specs of NRI. Without it, those of a newer one skip themselves.
   */
  readonly nriSocket?: string;
  /** What stands for the digest by which critest pulls an image. Default: the one that critest names. */
  readonly imageDigest?: string;
  /** Minutes for all specs together. Default: 20. */
  readonly limitMinutes?: number;
  /** The file in this folder that keeps what critest prints; each that runs at the same time needs one of its own. Default: `critest.log`. */
  readonly log?: string;
}

const here = import.meta.dirname;

/**
 * Runs critest and gives what became of each spec. What it prints is kept in a file of this folder. Rejects with the end of that
 * output when there is no report. A focus that no spec answers to is a failure, since a renamed spec would go unnoticed.
 */
export async function runCritest(options: CritestOptions): Promise<readonly SpecResult[]> {
  const folder = await mkdtemp(join(tmpdir(), "crib-critest-"));
  try {
    const report = join(folder, "report.json");
    const logFile = join(here, options.log ?? "critest.log");
    const program = await programFor(folder, options.imageDigest);
    const args = [
      `-runtime-endpoint=${options.endpoint}`,
      `-image-endpoint=${options.endpoint}`,
      `-runtime-handler=${options.runtimeHandler ?? ""}`,
      ...(await nriFlags(program, options.nriSocket)),
      "-ginkgo.no-color",
      // The same order in each run.
      "-ginkgo.seed=1",
      `-ginkgo.timeout=${options.limitMinutes ?? 20}m`,
      `-ginkgo.json-report=${report}`,
      ...options.focus.map((pattern) => `-ginkgo.focus=${pattern}`),
      ...(options.leaveOut ?? []).map((pattern) => `-ginkgo.skip=${pattern}`),
    ];
    const code = await execute(folder, program, args, logFile);
    const text = await readFile(report, "utf8").catch(async () => {
      const log = await readFile(logFile, "utf8");
      throw new Error(`critest left with ${code} and without a report; it printed:\n${log.slice(-2_000)}`);
    });
    const results = readReport(text, await readSkipList(join(here, "skips.txt")));
    return [...results, ...unanswered(options.focus, results)];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** critest has the digest as a constant and no option for another, so a copy gets the one that the registry has. */
async function programFor(folder: string, imageDigest: string | undefined): Promise<string> {
  const critest = process.env["CRIB_CRITEST"] ?? join(here, "bin/critest");
  if (imageDigest === undefined) return critest;
  const program = await readFile(critest);
  const before = "test-image-digest@";
  let at = program.indexOf(before);
  if (at < 0) throw new Error(`replacing the digest in critest: "${before}" is not in it`);
  for (; at >= 0; at = program.indexOf(before, at + 1)) program.write(imageDigest, at + before.length, "latin1");
  const copy = join(folder, "critest");
  await writeFile(copy, program, { mode: 0o755 });
  return copy;
}

/** Flags are looked for in the program itself: critest ends with an error at one that it does not know. */
async function nriFlags(program: string, socket: string | undefined): Promise<readonly string[]> {
  const flag = "nri-socket";
  const isKnown = (await readFile(program)).includes(flag);
  return socket !== undefined && isKnown ? [`-${flag}=${socket}`] : [];
}

async function execute(
  folder: string,
  program: string,
  args: readonly string[],
  logFile: string,
): Promise<number | null> {
  const log = createWriteStream(logFile);
  // In an empty folder: critest looks for a configuration file beside itself and where it is started.
  const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const code = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const exitCode = await code;
  log.end();
  await finished(log);
  return exitCode;
}

function unanswered(focus: readonly string[], results: readonly SpecResult[]): readonly SpecResult[] {
  return focus
    .filter((pattern) => !results.some((result) => new RegExp(pattern).test(result.name)))
    .map((pattern) => ({
      name: `focus ${pattern}`,
      origin: "critest",
      state: "failed",
      message: "no spec has such a name",
      seconds: 0,
    }));
}

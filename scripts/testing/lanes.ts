import { glob, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";

import { withHostUnchanged } from "./host-unchanged.ts";
import type { Result } from "./result.ts";
import { run, runNodeTests } from "./run-node-tests.ts";

/** One part of the run. */
export interface Lane {
  readonly name: string;
  /** Whether it runs pods, and so needs root and namespaces. */
  readonly needsPods: boolean;
  run(): Promise<readonly Result[]>;
  /** What counts as skipped where the lane cannot run: the tests that its files declare. */
  declared(): Promise<readonly string[]>;
}

const minuteMs = 60_000;

/** The lanes in the order in which they run: the quick ones that find most first. */
export const lanes: readonly Lane[] = [
  commandLane("check", ["format:check", "lint", "types"]),
  testLane({
    name: "unit",
    needsPods: false,
    patterns: ["packages/**/*.test.ts", "scripts/**/*.test.ts"],
    // Many of these tests wait for the kernel or for a process most of their time.
    concurrency: 2 * availableParallelism(),
    filesPerProcess: 12,
    // Those hand the flags of their own process on to daemons, these try what becomes of descriptors.
    ownProcess: ["packages/crib/", "packages/linux/"],
    timeoutMs: 2 * minuteMs,
  }),
  // Each node of the lanes below has a root, a network and cgroups of its own, so that files can run side by side; what names no node
  // is compared for all of them together.
  testLane({
    name: "node",
    needsPods: true,
    patterns: ["tests/**/*.test.ts"],
    without: ["tests/faults/", "tests/conformance/"],
    concurrency: availableParallelism(),
    isHostCompared: true,
    timeoutMs: 10 * minuteMs,
  }),
  testLane({
    name: "faults",
    needsPods: true,
    patterns: ["tests/faults/**/*.test.ts"],
    // They wait for time limits and for daemons to start again half of their time.
    concurrency: availableParallelism() + 1,
    isHostCompared: true,
    timeoutMs: 15 * minuteMs,
  }),
  conformanceLane(),
];

interface TestLaneOptions {
  readonly name: string;
  readonly needsPods: boolean;
  readonly patterns: readonly string[];
  /** Prefixes of files that belong to other lanes. */
  readonly without?: readonly string[];
  readonly concurrency: number;
  /** See `NodeTestOptions`. */
  readonly filesPerProcess?: number;
  /** Prefixes of files that share their process with no other. */
  readonly ownProcess?: readonly string[];
  readonly timeoutMs: number;
  /** The host must be after all of its tests as it was before. */
  readonly isHostCompared?: boolean;
}

function testLane(options: TestLaneOptions): Lane {
  return {
    name: options.name,
    needsPods: options.needsPods,
    run: async () => {
      const files = await findFiles(options.patterns, options.without ?? []);
      // Without files the runner would look for some by itself.
      if (files.length === 0) return [];
      return options.isHostCompared === true
        ? withHostUnchanged(options.name, () => runLaneFiles(options, files))
        : runLaneFiles(options, files);
    },
    declared: async () => declaredTests(await findFiles(options.patterns, options.without ?? [])),
  };
}

async function runLaneFiles(options: TestLaneOptions, files: readonly string[]): Promise<readonly Result[]> {
  const { name, concurrency, timeoutMs, filesPerProcess, ownProcess = [] } = options;
  if (filesPerProcess === undefined) return runNodeTests(name, { files, concurrency, timeoutMs });
  const isAlone = (file: string): boolean => ownProcess.some((prefix) => file.startsWith(prefix));
  const alone = files.filter(isAlone);
  const together = files.filter((file) => !isAlone(file));
  return [
    ...(await runNodeTests(name, { files: together, concurrency, timeoutMs, filesPerProcess })),
    ...(await runNodeTests(name, { files: alone, concurrency, timeoutMs })),
  ];
}

/** Scripts of package.json; each is one result. */
function commandLane(name: string, scripts: readonly string[]): Lane {
  return {
    name,
    needsPods: false,
    run: async () => {
      const results: Result[] = [];
      for (const script of scripts) {
        const code = await run("npm", ["run", "--silent", script]);
        console.log(`${code === 0 ? "passed" : "failed"}: npm run ${script}`);
        results.push({ name: script, origin: "npm run", state: code === 0 ? "passed" : "failed" });
      }
      return results;
    },
    declared: () => Promise.resolve(scripts),
  };
}

/** crictl's and critest's tests, after the two are built. */
function conformanceLane(): Lane {
  const tests = testLane({
    name: "conformance",
    needsPods: true,
    patterns: ["tests/conformance/**/*.test.ts"],
    // Beside critest, which does nothing most of its time.
    concurrency: 2,
    isHostCompared: true,
    timeoutMs: 25 * minuteMs,
  });
  return {
    ...tests,
    run: async () => {
      const built = await run("scripts/conformance-tools", []);
      return built === 0 ? tests.run() : [{ name: "build crictl and critest", origin: "conformance", state: "failed" }];
    },
  };
}

async function findFiles(patterns: readonly string[], without: readonly string[]): Promise<readonly string[]> {
  const files: string[] = [];
  for await (const file of glob([...patterns], { exclude: ["**/node_modules/**"] })) {
    if (!without.some((prefix) => file.startsWith(prefix))) files.push(file);
  }
  return files.sort();
}

async function declaredTests(files: readonly string[]): Promise<readonly string[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return texts.flatMap((text) =>
    [...text.matchAll(/^\s*(?:await )?(?:t\.)?test\(\s*["'`](.*?)["'`],/gm)].map((found) => found[1] ?? ""),
  );
}

import { deepEqual, equal, match } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { parseResults, type Result } from "./result.ts";

const caller = join(import.meta.dirname, "run-node-tests.ts");

const header = `import { test } from "node:test";\n`;

/** Test files by their names. */
const texts = {
  "a.test.mjs": `${header}test("done, but a timer is left", () => void setInterval(() => {}, 1e6));`,
  "b.test.mjs": `${header}test("passes", () => {});\ntest("fails", () => { throw new Error("on purpose"); });`,
  "c.test.mjs": `${header}test("skipped", { skip: "no reason" }, () => {});\ntest("not yet", { todo: true }, () => {});`,
};

/** Runs them. Node's runner does not start another one below it, hence the program and its clean environment. */
function runTexts(t: TestContext, options: object): readonly Result[] {
  const folder = mkdtempSync(join(tmpdir(), "crib-runner-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = Object.entries(texts).map(([name, text]) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  });
  const output = join(folder, "results.jsonl");
  const program = join(folder, "main.mjs");
  writeFileSync(
    program,
    `import { writeFileSync } from "node:fs";
     const { runNodeTests } = await import(${JSON.stringify(caller)});
     const results = await runNodeTests("lane", ${JSON.stringify({ files, timeoutMs: 30_000, stallMs: 4_000, ...options })});
     writeFileSync(${JSON.stringify(output)}, results.map((result) => JSON.stringify(result)).join("\\n"));`,
  );
  spawnSync("env", ["-u", "NODE_TEST_CONTEXT", process.execPath, program], { stdio: "ignore" });
  return parseResults(readFileSync(output, "utf8"));
}

function statesOf(results: readonly Result[]): readonly string[] {
  return results.map(({ name, state }) => `${name.replace(/.*\//, "")}: ${state}`);
}

test("each test is one result; a file that does not end is ended, and does not keep the others", (t) => {
  const results = runTexts(t, { concurrency: 1 });
  deepEqual(statesOf(results), [
    "done, but a timer is left: passed",
    "a.test.mjs: failed",
    "passes: passed",
    "fails: failed",
    "skipped: skipped",
    "not yet: skipped",
  ]);
  match(results.find(({ name }) => name === "fails")?.reason ?? "", /^on purpose\n/);
});

test("so it is when files share a process, which is ended as a whole", (t) => {
  const results = runTexts(t, { concurrency: 2, filesPerProcess: 1 });
  deepEqual(statesOf(results).toSorted(), [
    "done, but a timer is left: passed",
    "fails: failed",
    "not yet: skipped",
    "passes: passed",
    "skipped: skipped",
    "the runner left with 1: failed",
  ]);
  match(results.find(({ name }) => name.startsWith("the runner"))?.origin ?? "", /^lane: \S+a\.test\.mjs$/);
});

test("a file's failure is its own among those that share its process", (t) => {
  const results = runTexts(t, { concurrency: 2, filesPerProcess: 3 });
  deepEqual(statesOf(results).slice(0, 3), ["done, but a timer is left: passed", "passes: passed", "fails: failed"]);
  equal(results.length, 5);
});

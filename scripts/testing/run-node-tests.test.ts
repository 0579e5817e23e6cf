import { deepEqual, match } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { parseResults } from "./result.ts";

const caller = join(import.meta.dirname, "run-node-tests.ts");

// Node's runner does not start another one below it, hence the program and its clean environment.
test("each test is one result; a file that does not end is ended, and does not keep the others", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "crib-runner-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const header = `import { test } from "node:test";\n`;
  const files = [
    write("a.test.mjs", `${header}test("done, but a timer is left", () => void setInterval(() => {}, 1e6));`),
    write("b.test.mjs", `${header}test("passes", () => {});\ntest("fails", () => { throw new Error("on purpose"); });`),
    write(
      "c.test.mjs",
      `${header}test("skipped", { skip: "no reason" }, () => {});\ntest("not yet", { todo: true }, () => {});`,
    ),
  ];
  const output = join(folder, "results.jsonl");
  const program = write(
    "main.mjs",
    `import { writeFileSync } from "node:fs";
     const { runNodeTests } = await import(${JSON.stringify(caller)});
     const results = await runNodeTests("lane", { files: ${JSON.stringify(files)}, concurrency: 1, timeoutMs: 30_000, stallMs: 4_000 });
     writeFileSync(${JSON.stringify(output)}, results.map((result) => JSON.stringify(result)).join("\\n"));`,
  );
  spawnSync("env", ["-u", "NODE_TEST_CONTEXT", process.execPath, program], { stdio: "ignore" });

  const results = parseResults(readFileSync(output, "utf8"));
  deepEqual(
    results.map(({ name, state }) => `${name.replace(/.*\//, "")}: ${state}`),
    [
      "done, but a timer is left: passed",
      "a.test.mjs: failed",
      "passes: passed",
      "fails: failed",
      "skipped: skipped",
      "not yet: skipped",
    ],
  );
  match(results.find(({ name }) => name === "fails")?.reason ?? "", /^on purpose\n/);
});

import { deepEqual, equal, match } from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { openRecordCopies, sealJson } from "@crib/core/metadata";

import { parseConfig } from "../../../daemon/config/load-config.ts";
import { records } from "./records.ts";

test("a copy that was changed by hand is named, and one that is as written is not", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "crib-records-"));
  t.after(() => rmSync(root, { recursive: true }));
  const checked = parseConfig("", { root, state: `${root}-state` });
  if (checked.kind === "invalid") throw new Error(checked.problems.join());
  const run = async (): Promise<readonly (readonly [string, string])[]> =>
    (await records.run(checked.config)).map(({ level, what }) => [level, what] as const);
  deepEqual(
    (await run()).map(([level]) => level),
    ["ok", "ok"],
  );
  const copies = openRecordCopies(join(root, "sandboxes"));
  await copies.write("a", sealJson({ id: "a", state: "ready" }));
  await copies.write("b", sealJson({ id: "b", state: "ready" }));
  mkdirSync(join(root, "sandboxes/without-a-copy"));
  equal((await run())[0]?.[1], "copies of 3 sandboxes are as they were written");
  const file = join(root, "sandboxes/b/record.json");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace("ready", "notready"));
  match((await run())[0]?.join() ?? "", /warn,.*sandboxes\/b\/record\.json: it was changed by hand/);
  writeFileSync(file, text.slice(0, 40));
  match((await run())[0]?.join() ?? "", /warn,.*torn or was edited/);
});

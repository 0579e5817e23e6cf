import { deepEqual, equal, match } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { lockFile } from "@crib/linux";

import { findLeaks } from "../find-leaks.ts";
import { makeLeakScene } from "../testing/leak-scene.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";
const problem = {
  flow: "undo RunPodSandbox",
  step: "network.attach",
  message: "DEL failed",
  since: "2026-11-21T00:00:00Z",
  attempts: 3,
};

test("rows at rest are no findings", { skip }, async () => {
  await using scene = await makeLeakScene();
  await scene.addRow("ready");
  await scene.addRow("notready");
  deepEqual((await findLeaks(scene.config)).findings, []);
});

test("a row that a dead daemon left half-way is found, one of a running daemon is not", { skip }, async () => {
  await using scene = await makeLeakScene();
  const ids = [await scene.addRow("creating"), await scene.addRow("stopping"), await scene.addRow("removing")];
  const report = await findLeaks(scene.config);
  equal(report.daemon, undefined);
  deepEqual(new Set(report.findings.map(({ rowId }) => rowId)), new Set(ids));
  for (const { counter, why } of report.findings) {
    equal(counter, "rows");
    match(why, /its daemon is dead/);
  }
  using _ = lockFile(join(scene.config.root, "lock"));
  const running = await findLeaks(scene.config);
  equal(running.daemon, process.pid);
  deepEqual(running.findings, []);
});

test("a row whose clean-up fails is found with its reason, also while the daemon runs", { skip }, async () => {
  await using scene = await makeLeakScene();
  const id = await scene.addRow("creating", { problem });
  using _ = lockFile(join(scene.config.root, "lock"));
  const { findings } = await findLeaks(scene.config);
  deepEqual(
    findings.map(({ counter, rowId, why }) => ({ counter, rowId, why })),
    [{ counter: "rows", rowId: id, why: "undo RunPodSandbox: network.attach: DEL failed (tried 3 times)" }],
  );
});

test("without a readable database the copies stand for the rows, and that is told", { skip }, async () => {
  await using scene = await makeLeakScene();
  await scene.addRow("ready");
  await writeFile(join(scene.config.root, "metadata.db"), "this is no database");
  const { findings } = await findLeaks(scene.config);
  deepEqual(
    findings.map(({ counter, what }) => ({ counter, what })),
    [{ counter: "rows", what: "unreadable record" }],
  );
});

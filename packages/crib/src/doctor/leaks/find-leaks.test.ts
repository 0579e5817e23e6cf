import { deepEqual, equal, ok } from "node:assert/strict";
import { rmSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { findLeaks, isClean } from "./find-leaks.ts";
import { formatLeaks } from "./format-leaks.ts";
import { makeLeakScene } from "./testing/leak-scene.ts";
import { plants } from "./testing/plants.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";

test("what is made and removed while we look is no leak", { skip }, async () => {
  await using scene = await makeLeakScene();
  const path = join(scene.config.state, "tasks", scene.newId());
  await mkdir(path);
  const config = { ...scene.config, secondLookMs: 400 };
  const [report] = await Promise.all([findLeaks(config), delay(200).then(() => rmSync(path, { recursive: true }))]);
  ok(isClean(report));
});

test("of a stopped pod only the directories may be left", { skip }, async () => {
  await using scene = await makeLeakScene();
  const id = await scene.addRow("notready");
  const lasting = ["cgroups", "shims", "runc-state"];
  const ended = ["netns", "ipam-leases", "cni-cache", "rules", "mounts"];
  await using stack = new AsyncDisposableStack();
  for (const name of [...lasting, ...ended]) {
    const planted = await plants[name]?.(scene, id);
    if (planted) stack.use(planted);
  }
  const { findings } = await findLeaks(scene.config);
  deepEqual(findings.map(({ counter }) => counter).sort(), ended.sort());
});

test("a counter that cannot count has no number, and the report is not clean", { skip }, async () => {
  await using scene = await makeLeakScene();
  await rm(join(scene.config.state, "tasks"), { recursive: true });
  await writeFile(join(scene.config.state, "tasks"), "a file where a directory should be");
  const report = await findLeaks(scene.config);
  equal(report.counts["bundles"], null);
  ok(report.problems.some(({ counter }) => counter === "bundles"));
  equal(isClean(report), false);
  ok(/^ {2}bundles +\?$/m.test(formatLeaks(report)));
});

test("without a daemon's traces all counters are zero", { skip }, async () => {
  const report = await findLeaks({ root: "/nonexistent/root", state: "/nonexistent/state" });
  ok(isClean(report));
  equal(report.instance, undefined);
});

test("the text has a line for each counter, each finding, and the sum", { skip }, async () => {
  await using scene = await makeLeakScene();
  const id = scene.newId();
  await using _ = await plants["cgroups"]?.(scene, id);
  const report = await findLeaks(scene.config);
  const text = formatLeaks(report);
  ok(text.includes(`Leaks of crib ${scene.instance} (not running)`));
  for (const name of Object.keys(report.counts)) ok(new RegExp(`^ {2}${name} +\\d+$`, "m").test(text), name);
  ok(text.includes(`crib-${id}`));
  ok(text.endsWith("\n1 leak\n"));
});

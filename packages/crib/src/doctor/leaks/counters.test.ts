import { deepEqual, equal, ok } from "node:assert/strict";
import { suite, test } from "node:test";

import { counters } from "./counters.ts";
import { findLeaks } from "./find-leaks.ts";
import { type LeakScene, makeLeakScene } from "./testing/leak-scene.ts";
import { type Plant, plants } from "./testing/plants.ts";
import type { Finding } from "./types.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";

async function findingsOf({ config }: LeakScene): Promise<readonly Finding[]> {
  const report = await findLeaks(config);
  deepEqual(report.problems, []);
  for (const { name } of counters) {
    equal(report.counts[name], report.findings.filter(({ counter }) => counter === name).length);
  }
  return report.findings;
}

function plantOf(name: string): Plant {
  const plant = plants[name];
  ok(plant, `counter "${name}" has no plant`);
  return plant;
}

/** Processes and mounts stand in a cgroup or directory that only a row may have: so those of a stopped pod. */
function idFor(name: string, scene: LeakScene): Promise<string> | string {
  return name === "processes" || name === "mounts" ? scene.addRow("notready") : scene.newId();
}

/** What images leave has no pod's id: by its place it is ours. So is a socket in the state directory. */
const withoutId = new Set(["sockets", "snapshots", "blobs", "partials", "pulls", "images"]);

suite("leak counters", { concurrency: 4, skip }, () => {
  for (const { name } of counters) {
    test(`${name}: one planted by hand is found, alone`, async () => {
      await using scene = await makeLeakScene();
      const id = await idFor(name, scene);
      await using _ = await plantOf(name)(scene, id);
      const findings = await findingsOf(scene);
      equal(findings.map(({ counter }) => counter).join(), name);
      if (!withoutId.has(name)) equal(findings[0]?.rowId, id);
    });

    test(`${name}: that of a second crib on the machine is not counted`, async () => {
      await using scene = await makeLeakScene();
      await using second = await makeLeakScene(scene);
      await using _ = await plantOf(name)(second, await idFor(name, second));
      deepEqual(await findingsOf(scene), []);
    });

    // A helper of a pod whose flow has ended is a leak; that, and what has no row of a pod, is tested apart.
    if (name === "helpers" || withoutId.has(name)) continue;
    test(`${name}: that of a pod with a row is not counted`, async () => {
      await using scene = await makeLeakScene();
      await using _ = await plantOf(name)(scene, await scene.addRow("ready"));
      deepEqual(await findingsOf(scene), []);
    });
  }
});

import { test } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import { stepCases, undoCases } from "./container-fault-matrix.ts";
import { ContainerScene } from "./container-scene.ts";

/** Nodes that work side by side: most of what a case does is to wait. */
const lanes = 3;

test("faults in each step of each flow over containers", { ...needsRoot, concurrency: lanes }, async (t) => {
  const free = await Promise.all(Array.from({ length: lanes }, () => ContainerScene.start(t)));
  // As many run at a time as there are scenes.
  const run = (cases: typeof stepCases): readonly Promise<void>[] =>
    cases.map(({ name, run: strike }) =>
      t.test(name, async () => {
        const scene = free.pop();
        if (!scene) throw new Error("more cases than scenes at a time");
        try {
          await strike(scene);
        } catch (reason) {
          await scene.clear();
          throw reason;
        } finally {
          free.push(scene);
        }
      }),
    );
  await Promise.all(run([...stepCases, ...undoCases]));
});

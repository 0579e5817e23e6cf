import { test } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import { stepCases, type StepCases, undoCases } from "./container-fault-matrix.ts";
import { ContainerScene } from "./container-scene.ts";

/** Nodes that work side by side: half of what a case does is to wait. */
const lanes = 2;

/** Which flows' matrices are in which file; one file for all would be the last that ends by far. */
export const matrixFiles = {
  "container-create-matrix.test.ts": ["CreateContainer"],
  "container-start-matrix.test.ts": ["CreateTask", "StartContainer"],
  "container-end-matrix.test.ts": ["StopContainer", "EndContainer", "RemoveContainer", "UpdateContainerResources"],
} as const;

/** The cases that a file has. */
export function casesOf(file: keyof typeof matrixFiles): readonly StepCases[] {
  const flows: readonly string[] = matrixFiles[file];
  return [...stepCases, ...undoCases].filter(({ flow }) => flows.includes(flow));
}

/** Makes one test of all cases of a file. */
export function containerMatrix(file: keyof typeof matrixFiles): void {
  const name = `faults in each step of ${matrixFiles[file].join(", ")}`;
  test(name, { ...needsRoot, concurrency: lanes }, async (t) => {
    const free = await Promise.all(Array.from({ length: lanes }, () => ContainerScene.start(t)));
    // As many run at a time as there are scenes.
    const runs = casesOf(file).map((one) =>
      t.test(one.name, async () => {
        const scene = free.pop();
        if (!scene) throw new Error("more cases than scenes at a time");
        try {
          await one.run(scene);
        } catch (reason) {
          await scene.clear();
          throw reason;
        } finally {
          free.push(scene);
        }
      }),
    );
    await Promise.all(runs);
  });
}

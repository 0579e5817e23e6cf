import { deepEqual, ok } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";

import { containerFlows, createContainer, createTask } from "@crib/core/containers";
import { pullImage, removeImage } from "@crib/core/images";
import { sandboxFlows } from "@crib/core/sandbox";

import { stepCases, undoCases } from "./container-fault-matrix.ts";
import { casesOf, matrixFiles } from "./container-matrix.ts";
import { faultActions, faultPoints } from "./fault-matrix.ts";

// Each of these files makes its cases from the steps of its flow, so a new step has its cases as soon as it exists.
for (const { name } of [...sandboxFlows, pullImage, removeImage]) {
  test(`every step of ${name} is killed, failed and hung`, () => {
    const file = `${name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase()}-matrix.test.ts`;
    ok(readdirSync(import.meta.dirname).includes(file), `there is no ${file}`);
  });
}

// Those of containers need a story for each flow.
for (const { name, steps } of containerFlows) {
  test(`every step of ${name} is killed, failed and hung`, () => {
    const struck = new Set(stepCases.flatMap(({ faults }) => faults));
    const wanted = steps.flatMap((step) => faultsAt(`${name}/${step.name}`));
    deepEqual(
      wanted.filter((fault) => !struck.has(fault)),
      [],
    );
  });
}

test("every case of a container is in one file", () => {
  const files = Object.keys(matrixFiles) as (keyof typeof matrixFiles)[];
  for (const file of files) ok(readdirSync(import.meta.dirname).includes(file), `there is no ${file}`);
  const names = files.flatMap((file) => casesOf(file).map(({ name }) => name));
  deepEqual(names.toSorted(), [...stepCases, ...undoCases].map(({ name }) => name).toSorted());
});

for (const { name, steps } of [createContainer, createTask]) {
  test(`every undo of ${name} is killed, failed and hung`, () => {
    const struck = new Set(undoCases.flatMap(({ faults }) => faults));
    const undone = steps.filter(({ undo }) => undo !== undefined);
    deepEqual(
      undone.flatMap((step) => faultsAt(`${name}/${step.name}!undo`)).filter((fault) => !struck.has(fault)),
      [],
    );
  });
}

function faultsAt(place: string): readonly string[] {
  return faultPoints.flatMap((point) => faultActions.map((action) => `${place}@${point}=${action}*1`));
}

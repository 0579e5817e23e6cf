import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import { type ContainerUpdate, ContainerUpdateSchema, type LinuxResourcesSchema } from "@crib/wire/nri";

import { UpdateMerge } from "./merge-updates.ts";

function update(
  containerId: string,
  resources: MessageInitShape<typeof LinuxResourcesSchema>,
  ignoreFailure = false,
): ContainerUpdate {
  return create(ContainerUpdateSchema, { containerId, linux: { resources }, ignoreFailure });
}

const shares = (value: bigint) => ({ cpu: { shares: { value } } });
const limit = (value: bigint) => ({ memory: { limit: { value } } });

test("updates of one container by several plugins become one; its failure is ignored when all ignore it", () => {
  const merge = new UpdateMerge();
  merge.apply("10-a", [update("x", shares(1n), true), update("y", shares(2n), true)]);
  merge.apply("20-b", [update("x", limit(3n), false)]);
  const [x, y] = merge.result();
  deepEqual(
    [x?.containerId, x?.linux?.resources?.cpu?.shares?.value, x?.linux?.resources?.memory?.limit?.value],
    ["x", 1n, 3n],
  );
  deepEqual([x?.ignoreFailure, y?.ignoreFailure], [false, true]);
  equal(merge.result("x").length, 1);
});

test("two plugins that set the same limit of one container are in conflict", () => {
  const merge = new UpdateMerge();
  merge.apply("10-a", [update("x", shares(1n))]);
  throws(() => merge.apply("20-b", [update("x", shares(2n))]), {
    code: Code.FailedPrecondition,
    message: 'adjusting container "x": plugins "10-a" and "20-b" both set its CPU shares',
  });
});

test("a conflict that is ignored drops that plugin's update, whole", () => {
  const merge = new UpdateMerge();
  merge.apply("10-a", [update("x", shares(1n))]);
  merge.apply("20-b", [update("x", { ...limit(5n), ...shares(2n) }, true)]);
  const [x] = merge.result();
  deepEqual([x?.linux?.resources?.cpu?.shares?.value, x?.linux?.resources?.memory?.limit], [1n, undefined]);
});

test("the container that is being created cannot be updated", () => {
  throws(() => new UpdateMerge("c1").apply("10-a", [update("c1", shares(1n))]), /which is being created/);
});

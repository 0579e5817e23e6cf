import { equal } from "node:assert/strict";
import { test } from "node:test";

import { ociCgroupsPath, podCgroupOf } from "./cgroups-path.ts";

test("what holds a pause is found from its specification", () => {
  equal(podCgroupOf(ociCgroupsPath("/kubepods/pod1/crib-22", "22", false)), "/kubepods/pod1/crib-22");
  equal(
    podCgroupOf(ociCgroupsPath("/kubepods.slice/kubepods-pod1.slice/crib-22", "22", true)),
    "/kubepods.slice/kubepods-pod1.slice/crib-22.scope",
  );
  // As an earlier crib wrote it.
  equal(podCgroupOf("/kubepods/pod1/crib-22"), "/kubepods/pod1/crib-22");
  for (const none of [undefined, "", "relative"]) equal(podCgroupOf(none), undefined);
});

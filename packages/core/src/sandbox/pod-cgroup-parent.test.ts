import { equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { podCgroupParent } from "./pod-cgroup-parent.ts";

test("any parent goes with cgroupfs", () => {
  for (const asked of ["", "/kubepods/pod1", "a.slice"])
    equal(podCgroupParent(asked, { name: "runc", options: {} }), asked);
});

test("systemd cgroups have a slice for a parent", () => {
  const handler = { name: "runc", options: { SystemdCgroup: true } };
  equal(podCgroupParent("", handler), "system.slice");
  equal(podCgroupParent("kubepods-pod1.slice", handler), "kubepods-pod1.slice");
  equal(podCgroupParent("/test.slice", handler), "/test.slice");
  throws(() => podCgroupParent("/kubepods/pod1", handler), { code: Code.InvalidArgument });
});

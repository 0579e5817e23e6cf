import { equal } from "node:assert/strict";
import { test } from "node:test";

import { podCgroupPath } from "./pod-cgroup-path.ts";

test("a pod's cgroup is below its parent, and slices stand for their paths", () => {
  const cases: Readonly<Record<string, string>> = {
    "": "/crib-a",
    "/": "/crib-a",
    "/kubepods/pod1": "/kubepods/pod1/crib-a",
    "kubepods/": "/kubepods/crib-a",
    "kubepods-burstable-pod1.slice": "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/crib-a",
    "/kubepods.slice": "/kubepods.slice/crib-a",
    "/kubepods.slice/kubepods-pod1.slice": "/kubepods.slice/kubepods-pod1.slice/crib-a",
    "-.slice": "/crib-a",
  };
  for (const [parent, path] of Object.entries(cases)) equal(podCgroupPath(parent, "a"), path, parent);
});

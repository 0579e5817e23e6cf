import { equal } from "node:assert/strict";
import { test } from "node:test";

import { cgroupDirectoryOf } from "./cgroup-directory.ts";

test("a path is itself", () => {
  equal(cgroupDirectoryOf("/kubepods/pod1/crib-1/crib-2"), "/kubepods/pod1/crib-1/crib-2");
});

test("a scope of systemd lies below the nested slices", () => {
  equal(
    cgroupDirectoryOf("kubepods-besteffort-pod1.slice:crib:22"),
    "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/crib-22.scope",
  );
});

import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { cgroupExists } from "./cgroup-tree.ts";
import { createCgroup } from "./create-cgroup.ts";
import { missingCgroups, removeEmptyCgroup } from "./missing-cgroups.ts";
import { removeCgroup } from "./remove-cgroup.ts";

const skip = process.getuid?.() === 0 ? false : "needs root to make cgroups";

test("what is missing is told deepest first, what is empty is removed, what is not stays", { skip }, async (t) => {
  const top = `/crib-missing-${process.pid}`;
  t.after(() => removeCgroup(top));
  deepEqual(missingCgroups(`${top}/a`), [`${top}/a`, top]);
  await createCgroup(`${top}/a`);
  deepEqual(missingCgroups(`${top}/a/b`), [`${top}/a/b`]);
  await removeEmptyCgroup(top);
  equal(await cgroupExists(top), true);
  await removeEmptyCgroup(`${top}/a`);
  await removeEmptyCgroup(top);
  await removeEmptyCgroup(top);
  deepEqual(missingCgroups(top), [top]);
});

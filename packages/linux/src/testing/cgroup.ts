import type { TestContext } from "node:test";

import { killCgroup } from "../cgroups/kill-cgroup.ts";
import { removeCgroup } from "../cgroups/remove-cgroup.ts";

let count = 0;

/** The path of a cgroup that is not there yet; what becomes of it ends with the test. */
export function temporaryCgroup(t: TestContext): string {
  count += 1;
  const path = `/crib-linux-test-${process.pid}-${count}`;
  t.after(async () => {
    await killCgroup(path, { timeoutMs: 60_000 });
    await removeCgroup(path);
  });
  return path;
}

import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import type { CgroupHierarchy } from "@crib/linux";

import { hierarchiesToLeave } from "./shim-cgroup.ts";

const tree = (mountPoint: string, controllers: string[], unified = false): CgroupHierarchy => ({
  mountPoint,
  controllers,
  unified,
});
const cpu = tree("/c/cpu", ["cpu", "cpuacct"]);
const systemd = tree("/c/systemd", ["name=systemd"]);
const unified = tree("/c/unified", ["memory"], true);

test("a shim leaves the trees in which the daemon is below the root, and only those", () => {
  const own = "3:cpuacct,cpu:/\n2:name=systemd:/system.slice/crib.service\n0::/system.slice/crib.service\n";
  deepEqual(hierarchiesToLeave(own, [cpu, systemd, unified]), [systemd, unified]);
  deepEqual(hierarchiesToLeave("3:cpu,cpuacct:/x\n0::/\n", [cpu, systemd, unified]), [cpu]);
  deepEqual(hierarchiesToLeave("0::/\n", [unified]), []);
});

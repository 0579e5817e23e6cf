import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { parseMountinfo } from "../mounts/mount-table.ts";
import { type CgroupLayout, cgroupLayout, parseCgroupLayout } from "./layout.ts";

function parse(mountinfo: readonly string[], own: readonly string[]): CgroupLayout {
  return parseCgroupLayout(parseMountinfo(mountinfo.join("\n")), own.join("\n"), () => ["cpu", "memory"]);
}

const unified = "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate";
const cpu = "31 1 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct";
const cpuAgain = "32 1 0:27 / /cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct";
const named = "33 1 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd";

test("the unified tree alone is version 2", () => {
  const layout = parse([unified], ["0::/user.slice"]);
  equal(layout.version, 2);
  deepEqual(layout.hierarchies, [{ controllers: ["cpu", "memory"], mountPoint: "/sys/fs/cgroup", unified: true }]);
});

test("trees with joined controllers and with a name are version 1, each once", () => {
  const layout = parse([cpu, cpuAgain, named], ["2:cpu,cpuacct:/", "1:name=systemd:/x"]);
  equal(layout.version, 1);
  deepEqual(
    layout.hierarchies.map(({ controllers, mountPoint }) => [controllers, mountPoint]),
    [
      [["cpu", "cpuacct"], "/sys/fs/cgroup/cpu,cpuacct"],
      [["name=systemd"], "/sys/fs/cgroup/systemd"],
    ],
  );
});

test("both kinds are hybrid, none is an error", () => {
  equal(parse([unified, cpu], ["2:cpu,cpuacct:/", "0::/"]).version, "hybrid");
  throws(() => parse(["1 1 0:1 / / rw - ext4 /dev/sda rw"], []), { code: Code.FailedPrecondition });
});

test("this machine has a layout", () => {
  ok(cgroupLayout().hierarchies.length > 0);
});

import { equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";

import { check, say } from "./report.ts";
import { output } from "./service.ts";

/** What the machine is, and that it is what the story is for. */
export async function factsChapter(): Promise<void> {
  const version = async (...argv: readonly [string, ...string[]]): Promise<string> =>
    (await output(...argv)).split("\n")[0] ?? "";
  say(await output("uname", "-sr"));
  say(await version("systemctl", "--version"));
  say(await version("runc", "--version"));
  say(await version("containerd", "--version"));
  say(`node ${process.version}`);
  await check("systemd is process 1", () => equal(readFileSync("/proc/1/comm", "utf8"), "systemd\n"));
  await check("cgroups are of version 2 alone", () => {
    const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
    const types = mounts.map((line) => line.split(" ")[2] ?? "").filter((type) => type.startsWith("cgroup"));
    equal(types.join(), "cgroup2");
    const controllers = readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8");
    for (const wanted of ["cpu", "cpuset", "io", "memory", "pids"]) match(controllers, new RegExp(`\\b${wanted}\\b`));
  });
  await check("AppArmor is on", () => {
    equal(readFileSync("/sys/module/apparmor/parameters/enabled", "utf8"), "Y\n");
    ok(readFileSync("/sys/kernel/security/lsm", "utf8").split(",").includes("apparmor"));
  });
}

import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { hasCapability, oomScoreAdjFloor } from "./capabilities.ts";
import { appArmorEnabled, kernelVersion, parseKernelRelease, selinuxEnabled } from "./kernel.ts";
import { setUmask } from "./umask.ts";

test("a kernel release is read, whatever follows its numbers", () => {
  deepEqual(parseKernelRelease("6.1.0-18-amd64"), { major: 6, minor: 1, release: "6.1.0-18-amd64" });
  deepEqual(parseKernelRelease("5.15"), { major: 5, minor: 15, release: "5.15" });
  equal(parseKernelRelease("odd").major, 0);
  equal(kernelVersion().release, execFileSync("uname", ["-r"], { encoding: "utf8" }).trim());
  ok(kernelVersion().major >= 3);
});

test("a capability is in effect or not", () => {
  const mask = Number.parseInt(
    /CapEff:\s*([0-9a-f]+)/.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "",
    16,
  );
  equal(hasCapability("CAP_CHOWN"), mask % 2 === 1);
  equal(hasCapability("CAP_SYS_RESOURCE"), Math.floor(mask / 2 ** 24) % 2 === 1);
});

test("the lowest oom score is this process' own where it may not go lower", () => {
  const own = Number(readFileSync("/proc/self/oom_score_adj", "latin1"));
  equal(oomScoreAdjFloor(), hasCapability("CAP_SYS_RESOURCE") ? -1000 : own);
});

test("security modules are detected without failing where there are none", () => {
  if (!existsSync("/sys/module/apparmor")) equal(appArmorEnabled(), false);
  equal(selinuxEnabled(), existsSync("/sys/fs/selinux/enforce"));
});

test("setting the umask gives the former one", () => {
  const former = setUmask(0o177);
  equal(setUmask(former), 0o177);
});

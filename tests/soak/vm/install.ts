import { equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";

import { pushCritestImages } from "../../conformance/images/push-critest-images.ts";
import { runProgram } from "../../support/run-program.ts";
import { crictl, image } from "./pods.ts";
import { check, keep, say } from "./report.ts";
import { type CgroupDriver, configure, installService, output, property } from "./service.ts";

/** Installs the unit as the README says, and starts it for the first time. */
export async function installChapter(registryUrl: string): Promise<void> {
  configure("systemd", registryUrl);
  await check("a registry serves what critest pulls", async () => {
    const { names } = await pushCritestImages({ url: registryUrl });
    say(`${names.length} images are in the registry`);
  });
  await check("the unit is sound", async () => {
    await installService();
    equal(await output("systemd-analyze", "verify", "crib.service"), "");
  });
  await check("systemctl start returns when crib serves (Type=notify)", async () => {
    await output("systemctl", "start", "crib.service");
    equal(await property("ActiveState"), "active");
    match(await crictl.text("version"), /RuntimeName: +crib\n/);
    match(readFileSync(`/proc/${await property("MainPID")}/cmdline`, "utf8"), /crib/);
    equal(await property("NRestarts"), "0");
  });
  await check("crib doctor finds nothing that fails", async () => {
    const { exitCode, stdout } = await runProgram(["crib", "doctor"], { mayFail: true });
    for (const line of stdout.trim().split("\n")) say(`doctor: ${line}`);
    equal(exitCode, 0);
  });
  await check("the default AppArmor profile is loaded and enforced", () =>
    match(readFileSync("/sys/kernel/security/apparmor/profiles", "utf8"), /^crib-default \(enforce\)$/m),
  );
  await check("an image is pulled", async () => {
    keep(await crictl.text("pull", image));
    ok((await crictl.text("images")).includes("busybox"));
  });
}

/** Has the service run with another cgroup driver. */
export async function switchDriver(driver: CgroupDriver, registryUrl: string): Promise<void> {
  configure(driver, registryUrl);
  await check("crib restarts and tells its cgroup driver", async () => {
    await output("systemctl", "restart", "crib.service");
    match(await crictl.text("runtime-config"), new RegExp(`cgroup driver: +${driver.toUpperCase()}`));
  });
}

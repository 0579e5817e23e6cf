import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { mirrorAll } from "../../support/images/write-hosts.ts";
import { runProgram } from "../../support/run-program.ts";
import { toToml } from "../../support/to-toml.ts";

/** How cgroups are made. */
export type CgroupDriver = "systemd" | "cgroupfs";

/** The clone in the guest. */
export const tree = join(import.meta.dirname, "../../..");
/** Where the daemon of the service answers: crib's own defaults, since the whole machine is the test's. */
export const endpoint = "unix:///run/crib/crib.sock";

/** What a program prints; it must succeed. */
export async function output(...argv: readonly [string, ...string[]]): Promise<string> {
  return (await runProgram(argv)).stdout.trim();
}

/** Does what the unit's first line says. */
export async function installService(): Promise<void> {
  copyFileSync(join(tree, "packages/crib/systemd/crib.service"), "/etc/systemd/system/crib.service");
  mkdirSync("/usr/local/bin", { recursive: true });
  rmSync("/usr/local/bin/crib", { force: true });
  symlinkSync(join(tree, "bin/crib"), "/usr/local/bin/crib");
  await output("systemctl", "daemon-reload");
  await output("systemctl", "enable", "crib.service");
}

/** Writes crib's configuration: the network that it provides, every image from the registry in the guest. */
export function configure(driver: CgroupDriver, registryUrl: string): void {
  mkdirSync("/etc/crib", { recursive: true });
  mirrorAll("/etc/crib/certs.d", registryUrl);
  const document = toToml({
    cni: { default_network: true },
    runtime: { cgroup_driver: driver },
    runtimes: { runc: { options: { SystemdCgroup: driver === "systemd" } } },
    log: { level: "debug", format: "json" },
  });
  writeFileSync("/etc/crib/config.toml", document);
}

/** A property of the service, as systemd has it. */
export async function property(name: string): Promise<string> {
  return await output("systemctl", "show", "--value", `--property=${name}`, "crib.service");
}

/** The last lines that the daemon logged, for a failure's explanation. */
export async function journal(lines: number): Promise<string> {
  return (await runProgram(["journalctl", "-u", "crib.service", "-n", `${lines}`, "-o", "cat"], { mayFail: true }))
    .stdout;
}

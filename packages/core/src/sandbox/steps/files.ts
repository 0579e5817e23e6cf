import { mkdir, open, readFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { umountTree } from "@crib/linux";

import type { DnsConfig } from "../types.ts";
import type { SandboxStepContext } from "./types.ts";

/** Makes the sandbox's directories, and hostname, hosts and resolv.conf for containers to mount. */
export async function writeFiles({ plan, midpoint }: SandboxStepContext): Promise<void> {
  await Promise.all([
    mkdir(plan.rootDir, { recursive: true, mode: 0o700 }),
    mkdir(join(plan.stateDir, "ns"), { recursive: true, mode: 0o700 }),
  ]);
  await midpoint();
  const [hosts, resolvConf] = await Promise.all([
    readHostFile("/etc/hosts"),
    plan.dns ? undefined : readHostFile("/etc/resolv.conf"),
  ]);
  const hostName = plan.hostNetwork ? hostname() : plan.hostname;
  await Promise.all([
    writeReadable(join(plan.rootDir, "hostname"), `${hostName}\n`),
    writeReadable(join(plan.rootDir, "hosts"), hosts),
    writeReadable(join(plan.rootDir, "resolv.conf"), plan.dns ? formatResolvConf(plan.dns) : (resolvConf ?? "")),
  ]);
}

/** Removes what `writeFiles` made but the record's copy, which goes with the row. */
export async function removeFiles({ plan, midpoint }: SandboxStepContext): Promise<void> {
  // A mount left below the directory would have its content removed instead; both directories bear the sandbox's id.
  await umountTree(plan.stateDir);
  await midpoint();
  await Promise.all([
    rm(plan.stateDir, { recursive: true, force: true }),
    ...["hostname", "hosts", "resolv.conf"].map((name) => rm(join(plan.rootDir, name), { force: true })),
  ]);
}

/** The text of resolv.conf(5) for a pod's DNS settings; empty when there is nothing to say. */
export function formatResolvConf(dns: DnsConfig): string {
  const lines = [
    ...(dns.searches.length > 0 ? [`search ${dns.searches.join(" ")}`] : []),
    ...dns.servers.map((server) => `nameserver ${server}`),
    ...(dns.options.length > 0 ? [`options ${dns.options.join(" ")}`] : []),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** Writes a file that any user of a container may read, whatever the daemon's umask; its directory is closed to the host's users. */
async function writeReadable(path: string, text: string): Promise<void> {
  await using file = await open(path, "w", 0o644);
  await file.chmod(0o644);
  await file.writeFile(text);
}

async function readHostFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (reason) {
    // A minimal host may lack the file; an empty one is what its own programs see.
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw reason;
  }
}

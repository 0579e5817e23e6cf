import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";

import { listDir } from "../list-dir.ts";
import type { Finding, LeakContext, LeakCounter } from "../types.ts";
import { readNetworkSettings } from "./network-settings.ts";

/** Addresses that the host-local plugin holds for one of our ids: a file named by the address, whose first line is the id. */
export const leases: LeakCounter = {
  name: "ipam-leases",
  async find(context): Promise<readonly Finding[]> {
    const { ipamDirs } = await readNetworkSettings(context);
    const findings: Finding[] = [];
    for (const dir of ipamDirs) {
      for (const network of await listDir(dir)) {
        if (network.isDirectory()) findings.push(...(await findInNetwork(context, join(dir, network.name))));
      }
    }
    return findings;
  },
};

async function findInNetwork({ owns, unheld }: LeakContext, dir: string): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { name } of await listDir(dir)) {
    // Beside the leases there are `lock` and `last_reserved_ip.N`. Colons of IPv6 are written as they are, or as `_`.
    if (isIP(name.replaceAll("_", ":")) === 0) continue;
    const text = await readFile(join(dir, name), "utf8").catch(() => "");
    const id = text.split(/\r?\n/, 1)[0]?.trim() ?? "";
    const why = owns(id) ? unheld(id, "network") : undefined;
    if (why === undefined) continue;
    findings.push({ counter: "ipam-leases", what: `lease of ${name}`, path: join(dir, name), why, rowId: id });
  }
  return findings;
}

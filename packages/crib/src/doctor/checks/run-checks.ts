import { StatusError } from "@crib/errdefs";

import type { DaemonConfig } from "../../daemon/config/types.ts";
import { answers } from "./daemon/answers.ts";
import { directories } from "./daemon/directories.ts";
import { records } from "./daemon/records.ts";
import { sandboxers } from "./daemon/sandboxers.ts";
import { capabilities } from "./host/capabilities.ts";
import { cgroups } from "./host/cgroups.ts";
import { kernel } from "./host/kernel.ts";
import { node } from "./host/node.ts";
import { securityModules } from "./host/security-modules.ts";
import { registries } from "./images/registries.ts";
import { storage } from "./images/storage.ts";
import { cniConfig } from "./network/cni-config.ts";
import { forwarding } from "./network/forwarding.ts";
import { packetFilter } from "./network/packet-filter.ts";
import { criu } from "./programs/criu.ts";
import { handlers } from "./programs/handlers.ts";
import { ociRuntime } from "./programs/oci-runtime.ts";
import { pause } from "./programs/pause.ts";
import { shim } from "./programs/shim.ts";
import { tools } from "./programs/tools.ts";
import type { Check, NamedResult } from "./types.ts";

const checks: readonly Check[] = [
  node,
  kernel,
  cgroups,
  capabilities,
  securityModules,
  handlers,
  ociRuntime,
  shim,
  pause,
  criu,
  tools,
  cniConfig,
  forwarding,
  packetFilter,
  directories,
  records,
  storage,
  registries,
  sandboxers,
  answers,
];

/** Runs every check and gives all results in order. Never rejects. */
export async function runChecks(config: DaemonConfig): Promise<readonly NamedResult[]> {
  const results = await Promise.all(checks.map((check) => runOne(check, config)));
  return results.flat();
}

async function runOne(check: Check, config: DaemonConfig): Promise<readonly NamedResult[]> {
  try {
    const results = await check.run(config);
    return results.map((result) => ({ check: check.name, ...result }));
  } catch (reason) {
    const what = `could not be checked: ${StatusError.from(reason).message}`;
    return [{ check: check.name, level: "warn", what, advice: "run crib doctor as root on the host itself" }];
  }
}

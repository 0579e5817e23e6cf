import { StatusError } from "@crib/errdefs";

import type { Daemon } from "./compose.ts";
import type { Log } from "./log.ts";

/** Milliseconds for the garbage collection of one network. */
const gcMs = 60_000;

/**
 * Has the CNI plugins free what belongs to no row: attachments left in the cache by DEL, others by GC where the
 * configuration's version has it.
 */
export async function collectNetworkGarbage({ cni, networks, store }: Daemon, log: Log): Promise<void> {
  const seen = new Set<string>();
  for (const network of networks.all()) {
    if (seen.has(network.name)) continue;
    seen.add(network.name);
    const valid = store
      .list()
      .flatMap(({ id, plan }) => plan.networks.map(({ ifName }) => ({ containerId: id, ifName })));
    try {
      await cni.gc(network, valid, AbortSignal.timeout(gcMs));
    } catch (reason) {
      log.warn({ network: network.name, error: StatusError.from(reason).message }, "CNI garbage collection failed");
    }
  }
}

import { StatusError } from "@crib/errdefs";
import type { CachedAttachment } from "@crib/libcni";

import type { Daemon } from "./compose.ts";
import type { Log } from "./log.ts";

/** Milliseconds for the garbage collection of one network or attachment. */
const gcMs = 60_000;

/**
 * Gives back, by DEL, every attachment in crib's own cache that belongs to no row. With `pluginsToo`, each network's
 * plugins then free all that is not crib's, by the verb GC where the configuration's version has it.
 */
export async function collectNetworkGarbage(daemon: Daemon, pluginsToo: boolean, log: Log): Promise<void> {
  const { cni, store } = daemon;
  try {
    const quarantined = new Set(store.quarantined.map(({ id }) => id));
    for (const attachment of await cni.cached()) {
      const { containerId } = attachment;
      if (!store.find(containerId) && !quarantined.has(containerId)) await detach(daemon, attachment, log);
    }
  } catch (reason) {
    log.warn({ error: StatusError.from(reason).message }, "the CNI cache cannot be read");
  }
  if (pluginsToo) await runPluginGc(daemon, log);
}

async function detach(
  { cni }: Daemon,
  { networkName, containerId, ifName, args, list }: CachedAttachment,
  log: Log,
): Promise<void> {
  try {
    // Nothing is known of the namespace any more, so the plugins are told that there is none.
    await cni.del(list, { containerId, ifName, args, netns: "" }, AbortSignal.timeout(gcMs));
    log.info({ network: networkName, sandboxId: containerId }, "a network attachment without a pod is given back");
  } catch (reason) {
    log.warn(
      { network: networkName, sandboxId: containerId, error: StatusError.from(reason).message },
      "a network attachment without a pod is left",
    );
  }
}

async function runPluginGc({ cni, networks, store }: Daemon, log: Log): Promise<void> {
  const byName = new Map(networks.all().map((network) => [network.name, network]));
  for (const network of byName.values()) {
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

import { access } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

import type { Attachment, ValidAttachment } from "../attachment.ts";
import type { CachedAttachment } from "../cache/cache-entry.ts";
import type { NetworkList } from "../config/network-list.ts";
import { isAtLeast } from "../version.ts";
import type { CniContext } from "./context.ts";
import { invokePlugin } from "./invoke.ts";
import { joinErrors } from "./join-errors.ts";

/**
 * Frees what belongs to no valid attachment of this network: DEL of every cached one that is stale, then, from version
 * 1.1.0 on, GC of every plugin. All is attempted; all errors come out together. Does nothing when the list says `disableGC`.
 * `undo` is DEL of one attachment. No other ADD or DEL of the network may run meanwhile, which is the caller's lock.
 */
export async function gcNetwork(
  context: CniContext,
  list: NetworkList,
  valid: readonly ValidAttachment[],
  undo: (stale: Attachment) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  if (list.disableGC) return;
  const errors: StatusError[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    if (signal.aborted && errors.length > 0) return;
    try {
      await work();
    } catch (reason) {
      errors.push(StatusError.from(reason));
    }
  };
  for (const entry of await staleEntries(context, list.name, valid))
    await attempt(async () => undo(await toAttachment(entry)));
  if (isAtLeast(list.cniVersion, "1.1.0")) {
    const attachments = valid.map(({ containerId, ifName }) => ({ containerID: containerId, ifname: ifName }));
    // The second key is that of drafts of the specification, which some plugins still read.
    const extra = { "cni.dev/valid-attachments": attachments, "cni.dev/attachments": attachments };
    for (const plugin of list.plugins)
      await attempt(() => invokePlugin(context, { command: "GC", list, plugin, extra }, signal));
  }
  if (errors.length > 0) throw joinErrors(errors);
}

async function staleEntries(
  context: CniContext,
  networkName: string,
  valid: readonly ValidAttachment[],
): Promise<readonly CachedAttachment[]> {
  const kept = new Set(valid.map(({ containerId, ifName }) => `${containerId}/${ifName}`));
  const files = await context.cache.list();
  return files
    .flatMap((file) => (file.kind === "found" ? [file.entry] : []))
    .filter((entry) => entry.networkName === networkName && !kept.has(`${entry.containerId}/${entry.ifName}`));
}

/** An empty netns tells the plugins that it is gone (specification, "DEL"). */
async function toAttachment({ containerId, ifName, netns }: CachedAttachment): Promise<Attachment> {
  try {
    await access(netns);
    return { containerId, ifName, netns };
  } catch {
    return { containerId, ifName, netns: "" };
  }
}

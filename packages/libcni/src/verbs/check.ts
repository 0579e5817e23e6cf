import { Code, StatusError } from "@crib/errdefs";

import type { Attachment } from "../attachment.ts";
import type { NetworkList } from "../config/network-list.ts";
import { isAtLeast } from "../version.ts";
import type { CniContext } from "./context.ts";
import { invokePlugin } from "./invoke.ts";

/**
 * CHECK of every plugin in the order of ADD, against the cached result. Does nothing when the list says `disableCheck`;
 * `Unimplemented` before version 0.4.0; `FailedPrecondition` when no result is cached.
 */
export async function checkNetwork(
  context: CniContext,
  list: NetworkList,
  attachment: Attachment,
  signal: AbortSignal,
): Promise<void> {
  const { containerId, ifName } = attachment;
  const doing = `checking container "${containerId}" interface "${ifName}" in network "${list.name}"`;
  if (list.disableCheck) return;
  const state = await context.cache.read({ networkName: list.name, containerId, ifName });
  if (state.kind === "unreadable") throw state.error;
  if (state.kind === "absent" || state.entry.result === undefined)
    throw new StatusError(Code.FailedPrecondition, `${doing}: no result of ADD is cached`);
  const { entry } = state;
  // The attachment is as its own configuration made it, whatever the file says now.
  if (!isAtLeast(entry.list.cniVersion, "0.4.0"))
    throw new StatusError(Code.Unimplemented, `${doing}: CNI version ${entry.list.cniVersion} has no CHECK`);
  const { args = entry.args, capabilityArgs = entry.capabilityArgs } = attachment;
  const known = { ...attachment, args, capabilityArgs };
  for (const plugin of entry.list.plugins)
    await invokePlugin(
      context,
      { command: "CHECK", list: entry.list, plugin, attachment: known, prevResult: entry.result },
      signal,
    );
}

import { Code, StatusError } from "@crib/errdefs";

import type { Attachment } from "../attachment.ts";
import type { CacheState } from "../cache/attachment-cache.ts";
import type { NetworkList } from "../config/network-list.ts";
import { PluginError } from "../plugin-error.ts";
import type { AddResult } from "../results/types.ts";
import { isAtLeast, supportedVersions } from "../version.ts";
import type { CniContext } from "./context.ts";
import { invokePlugin, type PluginCall } from "./invoke.ts";
import { joinErrors } from "./join-errors.ts";
import { versionsOfPlugin } from "./version.ts";

/**
 * DEL of every plugin in reverse. The cached configuration, result and arguments go before those given. A plugin that
 * fails does not keep the others from running; the cache is forgotten only after all succeeded. Nothing cached and no list:
 * nothing was ever attached, which is success.
 */
export async function delNetwork(
  context: CniContext,
  networkName: string,
  list: NetworkList | undefined,
  attachment: Attachment,
  signal: AbortSignal,
): Promise<void> {
  const { containerId, ifName } = attachment;
  const key = { networkName, containerId, ifName };
  const state = await context.cache.read(key);
  const known = chooseConfiguration(state, list, attachment);
  if (known === undefined) return;
  await delPlugins(context, known, signal);
  // Also where nothing was found: a process killed in its first write has left a draft.
  await context.cache.remove(key);
}

interface Undo {
  readonly list: NetworkList;
  readonly attachment: Attachment;
  readonly prevResult: AddResult | undefined;
}

function chooseConfiguration(
  state: CacheState,
  list: NetworkList | undefined,
  attachment: Attachment,
): Undo | undefined {
  if (state.kind === "found") {
    const { entry } = state;
    const { args = entry.args, capabilityArgs = entry.capabilityArgs } = attachment;
    return { list: entry.list, attachment: { ...attachment, args, capabilityArgs }, prevResult: entry.result };
  }
  if (list !== undefined) return { list, attachment, prevResult: undefined };
  if (state.kind === "unreadable") throw state.error;
  return undefined;
}

async function delPlugins(
  context: CniContext,
  { list, attachment, prevResult }: Undo,
  signal: AbortSignal,
): Promise<void> {
  const errors: StatusError[] = [];
  for (const plugin of list.plugins.toReversed()) {
    try {
      await delPlugin(context, { command: "DEL", list, plugin, attachment, prevResult }, signal);
    } catch (reason) {
      if (isGone(reason, attachment)) continue;
      errors.push(StatusError.from(reason));
      // An abort is meant for the whole call; a budget only for the one plugin.
      if (signal.aborted) break;
    }
  }
  if (errors.length > 0) throw joinErrors(errors);
}

async function delPlugin(context: CniContext, call: PluginCall, signal: AbortSignal): Promise<void> {
  const { list, plugin, prevResult } = call;
  // Before 0.4.0, DEL knows no prevResult.
  const known = isAtLeast(list.cniVersion, "0.4.0") ? prevResult : undefined;
  try {
    await invokePlugin(context, { ...call, prevResult: known }, signal);
  } catch (reason) {
    if (!(reason instanceof PluginError) || reason.cniCode !== 1) throw reason;
    // A binary that was replaced, or whose ADD failed for the same cause, could never be undone at the list's version.
    const { supportedVersions: spoken } = await versionsOfPlugin(context, plugin.type, signal);
    const lower = supportedVersions.findLast((version) => spoken.includes(version));
    if (lower === undefined || lower === list.cniVersion) throw reason;
    const kept = isAtLeast(lower, "0.4.0") ? prevResult : undefined;
    await invokePlugin(context, { ...call, list: { ...list, cniVersion: lower }, prevResult: kept }, signal);
  }
}

/**
 * Whether a plugin's failure says that there is nothing to undo: code 3 (unknown container), or in words, as older plugins
 * do. A program that the plugin itself misses ("executable file not found") is no such thing: it undid nothing.
 */
function isGone(reason: unknown, { netns }: Attachment): boolean {
  if (!(reason instanceof PluginError) || reason.code === Code.DeadlineExceeded || reason.code === Code.Canceled)
    return false;
  if (reason.cniCode === 3) return true;
  const text = reason.message.toLowerCase();
  if (reason.cniCode === undefined || /executable|fork\/exec|exec:|command not found|failed to find plugin/.test(text))
    return false;
  return text.includes("not found") || (netns === "" && text.includes("no such file or directory"));
}

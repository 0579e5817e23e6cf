import { Code, hasCode, StatusError } from "@crib/errdefs";

import type { Attachment } from "../attachment.ts";
import type { CachedAttachment } from "../cache/cache-entry.ts";
import type { NetworkList } from "../config/network-list.ts";
import { PluginError } from "../plugin-error.ts";
import { parseResult } from "../results/decode-result.ts";
import type { AddResult } from "../results/types.ts";
import type { CniContext } from "./context.ts";
import { describe, invokePlugin, type PluginCall } from "./invoke.ts";
import { explainVersion } from "./version.ts";

/**
 * ADD of every plugin in order, each with the result of the one before. The attachment is in the cache before the first
 * plugin starts, so that whatever happens then, `DEL` can undo it from the cache alone; and again with the result.
 */
export async function addNetwork(
  context: CniContext,
  list: NetworkList,
  attachment: Attachment,
  signal: AbortSignal,
): Promise<AddResult> {
  // A missing binary is found before anything is done that needs to be undone.
  await Promise.all(list.plugins.map(({ type }) => context.exec.find(type, context.pluginDirs)));
  const entry: CachedAttachment = {
    networkName: list.name,
    containerId: attachment.containerId,
    ifName: attachment.ifName,
    netns: attachment.netns,
    args: attachment.args ?? [],
    capabilityArgs: attachment.capabilityArgs ?? {},
    list,
  };
  await remember(context, entry);
  const result = await addPlugins(context, list, attachment, signal);
  await context.cache.update({ ...entry, result });
  return result;
}

async function remember(context: CniContext, entry: CachedAttachment): Promise<void> {
  try {
    await context.cache.create(entry);
  } catch (reason) {
    if (!hasCode(reason, Code.AlreadyExists)) throw reason;
    const { containerId, ifName, networkName } = entry;
    throw new StatusError(
      Code.AlreadyExists,
      `attaching container "${containerId}" interface "${ifName}" to network "${networkName}": a previous attachment was not undone by DEL`,
      { cause: reason },
    );
  }
}

async function addPlugins(
  context: CniContext,
  list: NetworkList,
  attachment: Attachment,
  signal: AbortSignal,
): Promise<AddResult> {
  let prevResult: AddResult | undefined;
  for (const plugin of list.plugins) {
    const call: PluginCall = { command: "ADD", list, plugin, attachment, prevResult };
    const stdout = await invokePlugin(context, call, signal).catch(async (reason: unknown) => {
      throw await explainVersion(context, list, plugin, reason, signal);
    });
    prevResult = readResult(stdout, call);
  }
  // A list is never empty, so there was a last plugin.
  return prevResult as AddResult;
}

function readResult(stdout: string, call: PluginCall): AddResult {
  try {
    return parseResult(stdout, call.list.cniVersion, `${describe(call)}: reading its result`);
  } catch (reason) {
    const { message } = StatusError.from(reason);
    throw new PluginError(
      Code.Internal,
      message,
      { plugin: call.plugin.type, command: call.command },
      { cause: reason },
    );
  }
}

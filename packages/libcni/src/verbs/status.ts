import type { NetworkList } from "../config/network-list.ts";
import { isAtLeast } from "../version.ts";
import type { CniContext } from "./context.ts";
import { invokePlugin } from "./invoke.ts";

/**
 * Whether the network can take ADD: every binary must be there, and from version 1.1.0 on, STATUS of every plugin in order
 * must succeed. The first failure is thrown.
 */
export async function statusOfNetwork(context: CniContext, list: NetworkList, signal: AbortSignal): Promise<void> {
  await Promise.all(list.plugins.map(({ type }) => context.exec.find(type, context.pluginDirs)));
  if (!isAtLeast(list.cniVersion, "1.1.0")) return;
  for (const plugin of list.plugins) await invokePlugin(context, { command: "STATUS", list, plugin }, signal);
}

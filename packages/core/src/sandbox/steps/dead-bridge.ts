import { type JsonObject, parseNetworkList } from "@crib/libcni";
import { removeDeadBridge } from "@crib/linux";

/**
 * Removes the bridges of a configuration that can never be used again. A bridge plugin killed between making its bridge
 * and giving it an address of its own leaves one whose address is zero once its only port is gone; every later ADD then
 * fails with "could not set bridge's mac" (measured with 1.1.1). Such a bridge has no port, so nobody uses it.
 */
export function removeDeadBridges(config: string): void {
  for (const { type, config: plugin } of parseNetworkList(config, "plan").plugins) {
    if (type === "bridge") removeDeadBridge(bridgeName(plugin));
  }
}

/** The plugin's own default is `cni0`. */
function bridgeName(plugin: JsonObject): string {
  const { bridge } = plugin;
  return typeof bridge === "string" && bridge !== "" ? bridge : "cni0";
}

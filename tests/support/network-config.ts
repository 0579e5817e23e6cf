import { join } from "node:path";

import type { Lane } from "./lane.ts";

/** A CNI configuration list, or one plugin of it. */
export type Json = Readonly<Record<string, unknown>>;

/** The bridge of a lane with addresses from its own subnet; `more` goes over it, for a wrapper around the bridge. */
export function bridgePlugin(lane: Lane, more: Json = {}): Json {
  return {
    type: "bridge",
    bridge: lane.bridge,
    isGateway: true,
    ipMasq: true,
    hairpinMode: true,
    ipam: hostLocal(lane),
    ...more,
  };
}

/** Address management with a data directory of the lane's own. */
export function hostLocal(lane: Lane, subnet = `${lane.prefix}.0/24`): Json {
  return {
    type: "host-local",
    dataDir: leasesDir(lane),
    ranges: [[{ subnet }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
}

export const portmapPlugin: Json = { type: "portmap", capabilities: { portMappings: true } };

/** A configuration list named after the lane. */
export function networkList(lane: Lane, plugins: readonly Json[], cniVersion = "1.0.0"): string {
  return JSON.stringify({ cniVersion, name: lane.bridge, plugins });
}

/** Where host-local keeps one file for each address that is taken, in a folder for each network. */
export function leasesDir(lane: Lane): string {
  return join(lane.dir, "ipam");
}

/** Where plugins of `tests/fixtures/cni` keep what they count and tell. */
export function pluginNotesDir(lane: Lane): string {
  return join(lane.dir, "notes");
}

import { readFile } from "node:fs/promises";

import { Code, StatusError } from "@crib/errdefs";
import { type NetworkList, parseNetworkList } from "@crib/libcni";

import type { DefaultNetwork } from "./config/types.ts";

/** The CNI configuration of the bridge network that crib provides itself. */
export function defaultNetworkList({ name, subnet, bridge }: DefaultNetwork): NetworkList {
  const config = {
    cniVersion: "1.0.0",
    name,
    plugins: [
      {
        type: "bridge",
        bridge,
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: { type: "host-local", ranges: [[{ subnet }]], routes: [{ dst: "0.0.0.0/0" }] },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
  return parseNetworkList(JSON.stringify(config), "the default network");
}

/**
 * Refuses a range that the host already has a route into, naming the route: pods there would shadow it or be shadowed.
 * Routes over the network's own bridge are those of an earlier start.
 */
export async function refuseOverlap({ subnet, bridge }: DefaultNetwork): Promise<void> {
  const wanted = parseRange(subnet);
  const table = await readFile("/proc/net/route", "utf8").catch(() => "");
  for (const line of table.split("\n").slice(1)) {
    const [device = "", destination = "", , , , , , mask = ""] = line.split("\t");
    if (device === "" || device === bridge) continue;
    const route = { address: littleEndian(destination), mask: littleEndian(mask) };
    // The default route leads everywhere; it is no claim on the range.
    if (route.mask === 0) continue;
    const common = wanted.mask & route.mask;
    if ((wanted.address & common) >>> 0 !== (route.address & common) >>> 0) continue;
    throw new StatusError(
      Code.FailedPrecondition,
      `default network ${subnet}: it overlaps the route to ${format(route.address)}/${bits(route.mask)} over "${device}"; set another subnet`,
    );
  }
}

function parseRange(subnet: string): { readonly address: number; readonly mask: number } {
  const [address = "", length = "32"] = subnet.split("/");
  const value = address.split(".").reduce((sum, part) => (sum << 8) | Number(part), 0) >>> 0;
  return { address: value, mask: length === "0" ? 0 : (0xffffffff << (32 - Number(length))) >>> 0 };
}

function littleEndian(hex: string): number {
  return Buffer.from(hex.padStart(8, "0"), "hex").readUInt32LE(0);
}

function format(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

function bits(mask: number): number {
  return mask.toString(2).replaceAll("0", "").length;
}

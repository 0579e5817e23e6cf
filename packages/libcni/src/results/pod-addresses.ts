import { Code, StatusError } from "@crib/errdefs";

import { familyOf } from "./address.ts";
import { mergeResults, type MergedResult } from "./merge-results.ts";
import type { AddResult } from "./types.ts";

/** Which address becomes the pod's: the first of a family, or (`cni`) the first the plugins gave; empty means `ipv4`. */
export type IpPreference = "ipv4" | "ipv6" | "cni" | "";

/** The addresses of a pod as CRI reports them, without prefix length. */
export interface PodAddresses {
  readonly ip: string;
  /** All others, in the plugins' order. */
  readonly additionalIps: readonly string[];
}

/**
 * Chooses the pod's address from those of `ifName`. Where the preferred family is absent, the first address is taken.
 * Fails `FailedPrecondition` when the interface has no address at all: a pod without one cannot be reached.
 */
export function podAddresses(
  result: AddResult | MergedResult,
  preference: IpPreference = "",
  ifName = "eth0",
): PodAddresses {
  const merged = "cniVersion" in result ? mergeResults([{ ifName, result }]) : result;
  const addresses = (merged.interfaces.get(ifName)?.ips ?? []).map(({ address }) =>
    address.slice(0, address.indexOf("/")),
  );
  const [first] = addresses;
  if (first === undefined)
    throw new StatusError(
      Code.FailedPrecondition,
      `choosing the pod's address: interface "${ifName}" has none in the CNI result`,
    );
  const family = preference === "ipv6" ? 6 : 4;
  const ip = preference === "cni" ? first : (addresses.find((address) => familyOf(address) === family) ?? first);
  return { ip, additionalIps: addresses.filter((address) => address !== ip) };
}

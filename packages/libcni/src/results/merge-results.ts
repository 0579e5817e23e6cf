import type { AddResult, Dns, Route } from "./types.ts";

/** What one attachment gave. */
export interface AttachedResult {
  /** The interface that was asked for; addresses without an interface are its. */
  readonly ifName: string;
  readonly result: AddResult;
}

/** An interface with all its addresses. */
export interface MergedInterface {
  readonly mac?: string;
  /** The network namespace's path; absent for an interface of the host. */
  readonly sandbox?: string;
  /** Addresses with prefix length and gateway, as the plugins ordered them, each once. */
  readonly ips: readonly { readonly address: string; readonly gateway?: string }[];
}

/** All attachments of a pod together. */
export interface MergedResult {
  /** By interface name; every asked interface is there, the host's ends too. */
  readonly interfaces: ReadonlyMap<string, MergedInterface>;
  readonly routes: readonly Route[];
  /** One for each attachment that gave any. */
  readonly dns: readonly Dns[];
}

/** Merges the results of all networks of a pod into one map of interfaces. */
export function mergeResults(attached: readonly AttachedResult[]): MergedResult {
  const interfaces = new Map<string, MergedInterface>();
  for (const { ifName, result } of attached) {
    if (!interfaces.has(ifName)) interfaces.set(ifName, { ips: [] });
    for (const { name, mac, sandbox } of result.interfaces) {
      const known = interfaces.get(name);
      // An interface of the host may bear the name of one inside; the pod's is the one that counts.
      if (known?.sandbox !== undefined && sandbox === undefined) continue;
      const identity = { ...(mac === undefined ? {} : { mac }), ...(sandbox === undefined ? {} : { sandbox }) };
      interfaces.set(name, { ...identity, ips: known?.ips ?? [] });
    }
    for (const { interface: index, ...ip } of result.ips) {
      const name = (index === undefined ? undefined : result.interfaces[index]?.name) ?? ifName;
      const known = interfaces.get(name) ?? { ips: [] };
      if (known.ips.some((other) => other.address === ip.address)) continue;
      interfaces.set(name, { ...known, ips: [...known.ips, ip] });
    }
  }
  return {
    interfaces,
    routes: attached.flatMap(({ result }) => result.routes),
    dns: attached.map(({ result }) => result.dns).filter((dns) => Object.keys(dns).length > 0),
  };
}

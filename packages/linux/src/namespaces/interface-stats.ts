import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";

import { attempt } from "../libc/errno-error.ts";
import { inNamespaces } from "./thread-namespaces.ts";

/** Counters of one network interface since it was made, and the addresses it has while it is up. */
export interface InterfaceStats {
  readonly name: string;
  readonly rxBytes: bigint;
  readonly rxPackets: bigint;
  readonly rxErrors: bigint;
  readonly rxDropped: bigint;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly txErrors: bigint;
  readonly txDropped: bigint;
  /** In CIDR notation; empty while the interface is down. */
  readonly addresses: readonly string[];
}

/** Reads one line of /proc/net/dev, proc_net(5): name, eight columns received, eight sent. */
function readLine(line: string): Omit<InterfaceStats, "addresses"> | undefined {
  const colon = line.lastIndexOf(":");
  if (colon < 0) return undefined;
  const columns = line
    .slice(colon + 1)
    .trim()
    .split(/\s+/)
    .map(BigInt);
  const at = (index: number): bigint => columns[index] ?? 0n;
  return {
    name: line.slice(0, colon).trim(),
    rxBytes: at(0),
    rxPackets: at(1),
    rxErrors: at(2),
    rxDropped: at(3),
    txBytes: at(8),
    txPackets: at(9),
    txErrors: at(10),
    txDropped: at(11),
  };
}

/** Lists the interfaces of the network namespace pinned at `path`, `lo` included. NotFound when nothing is there. */
export function interfaceStats(path: string): InterfaceStats[] {
  const [text, known] = inNamespaces({ net: path }, () => [
    attempt(`reading interfaces of "${path}"`, () => readFileSync("/proc/thread-self/net/dev", "latin1")),
    networkInterfaces(),
  ]);
  const stats: InterfaceStats[] = [];
  for (const line of text.split("\n")) {
    const counters = readLine(line);
    if (counters === undefined) continue;
    const addresses = (known[counters.name] ?? []).map(({ address, cidr }) => cidr ?? address);
    stats.push({ ...counters, addresses });
  }
  return stats;
}

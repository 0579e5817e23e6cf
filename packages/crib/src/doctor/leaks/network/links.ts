import { Code, hasCode } from "@crib/errdefs";

import { runTool } from "../../run-tool.ts";

/** One end of a veth pair, as its own network namespace sees it. */
export interface Veth {
  readonly name: string;
  readonly index: number;
  /** Index of the other end, in that end's namespace. */
  readonly peerIndex: number;
  readonly mac: string;
  /** The bridge it is plugged into. */
  readonly master?: string;
  readonly alias?: string;
  /** Whether the other end is in another network namespace. */
  readonly isPeerElsewhere: boolean;
}

interface IpLink {
  readonly ifname: string;
  readonly ifindex: number;
  readonly link_index?: number;
  readonly link?: string;
  readonly link_netnsid?: number;
  readonly address?: string;
  readonly master?: string;
  readonly ifalias?: string;
}

/** The veth interfaces of the host, or of the network namespace at a path. NotFound where that namespace is gone. */
export async function listVeths(netns?: string): Promise<readonly Veth[]> {
  const list = ["-j", "link", "show", "type", "veth"];
  const text = await (netns === undefined
    ? runTool("ip", list)
    : runTool("nsenter", [`--net=${netns}`, "ip", ...list]));
  const links = (text.trim() === "" ? [] : JSON.parse(text)) as readonly IpLink[];
  return links
    .filter(({ ifname }) => ifname !== undefined)
    .map((link) => ({
      name: link.ifname,
      index: link.ifindex,
      peerIndex: link.link_index ?? 0,
      mac: (link.address ?? "").toLowerCase(),
      ...(link.master !== undefined && { master: link.master }),
      ...(link.ifalias !== undefined && { alias: link.ifalias }),
      isPeerElsewhere: link.link_netnsid !== undefined,
    }));
}

/** Whether the namespace at `netns` has the other end of `veth`. A namespace that is gone has nothing. */
export async function hasPeer(netns: string, veth: Veth): Promise<boolean> {
  try {
    const inside = await listVeths(netns);
    return inside.some(({ index, peerIndex }) => index === veth.peerIndex && peerIndex === veth.index);
  } catch (reason) {
    // Without `ip` nothing can be said; a namespace or process that ended meanwhile is the common failure of nsenter.
    if (hasCode(reason, Code.NotFound)) throw reason;
    return false;
  }
}

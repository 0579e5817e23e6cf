import { Code, hasCode } from "@crib/errdefs";

import { runTool } from "../../run-tool.ts";
import { idsIn } from "../id-names.ts";
import type { Finding, LeakContext, LeakCounter } from "../types.ts";

/** Listings of packet filter rules; the CNI plugins write the container id into comments. */
const listings = [
  { tool: "iptables-save", args: [] },
  { tool: "ip6tables-save", args: [] },
  { tool: "nft", args: ["list", "ruleset"] },
] as const;

/** Packet filter rules of pods (port mappings, masquerading), by the id in their comments. */
export const rules: LeakCounter = {
  name: "rules",
  async find(context): Promise<readonly Finding[]> {
    const texts = await Promise.all(listings.map(({ tool, args }) => listRules(tool, args)));
    const findings = new Map<string, Finding>();
    for (const [index, text] of texts.entries()) {
      const tool = listings[index]?.tool ?? "";
      for (const [id, count] of countById(context, text)) {
        // iptables of today keeps its rules in nftables, where they would be seen a second time.
        if (tool === "nft" && (findings.has(`iptables-save ${id}`) || findings.has(`ip6tables-save ${id}`))) continue;
        const what = `${count} packet filter ${count === 1 ? "rule" : "rules"}, listed by ${tool}`;
        findings.set(`${tool} ${id}`, { counter: "rules", what, why: context.unheld(id, "network") ?? "", rowId: id });
      }
    }
    return [...findings.values()];
  },
};

function countById({ owns, unheld }: LeakContext, text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of text.split("\n")) {
    for (const id of idsIn(line)) {
      if (owns(id) && unheld(id, "network") !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  }
  return counts;
}

/** Without the tool no plugin could have made rules with it either. */
async function listRules(tool: string, args: readonly string[]): Promise<string> {
  try {
    return await runTool(tool, args);
  } catch (reason) {
    if (hasCode(reason, Code.NotFound)) return "";
    throw reason;
  }
}

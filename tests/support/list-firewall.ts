import { runProgram } from "./run-program.ts";

/**
 * The chains that the portmap plugin makes once for the whole host and never removes, with what leads to them; the
 * rules of a pod hang below them and are listed.
 */
const forAllPods = [
  /^-A (PREROUTING|OUTPUT|POSTROUTING) .*-j CNI-HOSTPORT-(DNAT|MASQ)$/,
  /^-A CNI-HOSTPORT-MASQ .*-j MASQUERADE$/,
  /^-A CNI-HOSTPORT-SETMARK .*-j MARK --set-xmark 0x2000\/0x2000$/,
];
const builtInChains = new Set(["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]);
const chainsForAllPods = new Set(["CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-SETMARK"]);

/**
 * The rules of the firewall. A chain of its own is one line with all its rules, so that those that name no pod are seen
 * together with those that do.
 */
export async function listFirewall(): Promise<readonly string[]> {
  const tools = ["iptables-save", "ip6tables-save"] as const;
  const texts = await Promise.all(tools.map(async (tool) => (await runProgram([tool], { mayFail: true })).stdout));
  return texts.flatMap((text, index) => listRules(text, index === 0 ? "ip" : "ip6"));
}

function listRules(text: string, family: string): readonly string[] {
  const lines: string[] = [];
  let table = "";
  let chains = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) {
      table = line.slice(1);
      chains = new Map();
    } else if (line.startsWith(":")) {
      const chain = line.slice(1).split(" ")[0] ?? "";
      if (!builtInChains.has(chain) && !chainsForAllPods.has(chain)) chains.set(chain, []);
    } else if (line.startsWith("-A ") && !forAllPods.some((pattern) => pattern.test(line))) {
      const chain = line.split(" ")[1] ?? "";
      const rules = chains.get(chain);
      if (rules) rules.push(line);
      else lines.push(`${family} ${table} ${line}`);
    } else if (line === "COMMIT") {
      for (const [chain, rules] of chains) lines.push(`${family} ${table} ${chain}: ${rules.join("; ") || "no rule"}`);
    }
  }
  return lines;
}

import { findProgram } from "../../../daemon/find-program.ts";
import { runTool } from "../../run-tool.ts";
import { type Check, ok, warn } from "../types.ts";

/** iptables or nft, which the CNI plugins use for masquerading and port mappings. */
export const packetFilter: Check = {
  name: "packet filter",
  async run() {
    const found = ["iptables", "nft"].flatMap((name) => findProgram(name) ?? []);
    if (found.length === 0) {
      return [warn("neither iptables nor nft: no masquerading and no port mappings", "apt install iptables")];
    }
    const versions = await Promise.all(found.map((path) => runTool(path, ["--version"])));
    return versions.map((version) => ok(version.trim()));
  },
};

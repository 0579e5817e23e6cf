import { existsSync, readFileSync } from "node:fs";

import { type Check, type CheckResult, ok, warn } from "../types.ts";

const switches = [
  { path: "/proc/sys/net/ipv4/ip_forward", name: "net.ipv4.ip_forward" },
  { path: "/proc/sys/net/ipv6/conf/all/forwarding", name: "net.ipv6.conf.all.forwarding" },
];

/** Whether the host forwards packets of pods. The bridge plugin switches it on for a gateway; other networks rely on the administrator. */
export const forwarding: Check = {
  name: "forwarding",
  run({ cni }) {
    return switches.flatMap(({ path, name }): readonly CheckResult[] => {
      if (!existsSync(path)) return [];
      if (readFileSync(path, "utf8").trim() === "1") return [ok(`${name} = 1`)];
      // Only a dual-stack network needs the second; the default network switches on what it needs.
      if (name.includes("ipv6") || cni.defaultNetwork) return [];
      return [warn(`${name} = 0: pods reach nothing beyond this host`, `sysctl -w ${name}=1, and in /etc/sysctl.d`)];
    });
  },
};

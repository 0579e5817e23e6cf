import { isIP } from "node:net";

import type { DnsConfig } from "@crib/core/sandbox";
import type { DNSConfig } from "@crib/wire/cri";

import { invalid, quote } from "../values/invalid.ts";
import { checkCount, checkText } from "../values/text.ts";

const limit = 32;

/** DNS settings, each value such that it stays one word of one line of resolv.conf. */
export function checkDns(config: DNSConfig | undefined): DnsConfig | undefined {
  if (!config) return undefined;
  const { servers, searches, options } = config;
  checkCount("config.dns_config.servers", servers.length, limit);
  checkCount("config.dns_config.searches", searches.length, limit);
  checkCount("config.dns_config.options", options.length, limit);
  for (const server of servers) {
    if (isIP(server) === 0) throw invalid("config.dns_config.servers", `${quote(server)} is not an IP address`);
  }
  for (const search of searches) {
    checkText("config.dns_config.searches", search, {
      maxBytes: 254,
      pattern: /^[A-Za-z0-9._-]+$/,
      form: "a domain name",
    });
  }
  for (const option of options) {
    checkText("config.dns_config.options", option, { maxBytes: 255, pattern: /^[!-~]+$/, form: "one printable word" });
  }
  return { servers, searches, options };
}

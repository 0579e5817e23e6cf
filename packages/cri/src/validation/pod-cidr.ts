import { isIP } from "node:net";

import { invalid, quote } from "./values/invalid.ts";

const field = "runtime_config.network_config.pod_cidr";

/** The pod networks of a node: none, one, or one of each family, joined by a comma. */
export function checkPodCidr(value: string): string[] {
  if (value === "") return [];
  const cidrs = value.split(",", 3);
  const families = cidrs.map((cidr) => {
    const family = familyOf(cidr);
    if (family === 0) throw invalid(field, `${quote(cidr)} is not a CIDR`);
    return family;
  });
  if (new Set(families).size !== families.length)
    throw invalid(field, `${quote(value)} has two networks of one family`);
  return cidrs;
}

function familyOf(cidr: string): number {
  const match = /^([0-9A-Fa-f.:]{2,45})\/(\d{1,3})$/.exec(cidr);
  const family = isIP(match?.[1] ?? "");
  const bits = Number(match?.[2] ?? Number.NaN);
  return bits <= (family === 4 ? 32 : 128) ? family : 0;
}

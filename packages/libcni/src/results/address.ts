import { isIP } from "node:net";

/** The family of an IP address without zone, or undefined when the text is none. */
export function familyOf(address: string): 4 | 6 | undefined {
  if (address.includes("%")) return undefined;
  const family = isIP(address);
  return family === 4 || family === 6 ? family : undefined;
}

/** The address and prefix length of `10.0.0.1/24`; undefined when the text is no such thing. */
export function parseCidr(
  text: string,
): { readonly address: string; readonly prefix: number; readonly family: 4 | 6 } | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = text.slice(0, slash);
  const digits = text.slice(slash + 1);
  const family = familyOf(address);
  if (family === undefined || !/^(0|[1-9][0-9]{0,2})$/.test(digits)) return undefined;
  const prefix = Number(digits);
  return prefix <= (family === 4 ? 32 : 128) ? { address, prefix, family } : undefined;
}

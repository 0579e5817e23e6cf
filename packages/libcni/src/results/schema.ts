import * as z from "zod";

import { familyOf, parseCidr } from "./address.ts";

/** Text that may end in a file, a message or an argument: bounded, without control characters. */
const text = z
  .string()
  .max(4096)
  .refine((value) => !/\p{Cc}/u.test(value), "has a control character");
const optionalText = emptyIsAbsent(text);
const ip = text.refine((value) => familyOf(value) !== undefined, "is no IP address");
const cidr = text.refine((value) => parseCidr(value) !== undefined, "is no IP address with prefix length");
const mac = text.regex(/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2})*$/, "is no hardware address");
const count = z.int().min(0).max(0xffff_ffff).nullish();

/** Encoders of other languages write absent things as "" or null. */
function emptyIsAbsent<T extends z.ZodType<string>>(schema: T) {
  return z.preprocess((value) => (value === "" || value === null ? undefined : value), schema.optional());
}

function list<T extends z.ZodType>(schema: T) {
  return z.array(schema).nullish();
}

const dns = z
  .object({ nameservers: list(text), domain: optionalText, search: list(text), options: list(text) })
  .nullish();

const plainRoute = z.object({ dst: cidr, gw: emptyIsAbsent(ip) });

const familyConfig = z.object({ ip: cidr, gateway: emptyIsAbsent(ip), routes: list(plainRoute) }).nullish();

/** Versions 0.1.0 and 0.2.0. */
export const result02Schema = z.object({ ip4: familyConfig, ip6: familyConfig, dns });

/** Versions 0.3.0 to 1.1.0: later ones only added fields, and `version` of an address follows from the address. */
export const resultSchema = z.object({
  interfaces: list(
    z.object({
      name: text.min(1),
      mac: emptyIsAbsent(mac),
      sandbox: optionalText,
      mtu: count,
      socketPath: optionalText,
      pciID: optionalText,
    }),
  ),
  ips: list(
    z.object({
      version: z.enum(["4", "6"]).nullish(),
      address: cidr,
      gateway: emptyIsAbsent(ip),
      interface: z.int().nullish(),
    }),
  ),
  routes: list(plainRoute.extend({ mtu: count, advmss: count, priority: count, table: count, scope: count })),
  dns,
});

/** Anything that may be an error a plugin printed. */
export const errorSchema = z.object({
  code: z.int(),
  msg: z.string().catch(""),
  details: z.string().catch(""),
});

/** The answer to VERSION. */
export const versionSchema = z.object({
  cniVersion: text.catch(""),
  supportedVersions: z.array(text).max(100),
});

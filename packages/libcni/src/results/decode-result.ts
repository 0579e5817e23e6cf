import { Code, StatusError } from "@crib/errdefs";
import type { z } from "zod";

import { isJsonObject, parseJsonObject, quote } from "../json.ts";
import { isAtLeast, isSupportedVersion, newestVersion, supportedVersions, type CniVersion } from "../version.ts";
import { parseCidr } from "./address.ts";
import { result02Schema, resultSchema } from "./schema.ts";
import type { AddResult, Dns, Interface, IpConfig, Route } from "./types.ts";

/**
 * Decodes what a plugin printed after ADD, or any stored result, to the newest form. A result without `cniVersion` is of
 * `version`, that of its configuration. Unknown fields are dropped. Fails `InvalidArgument` naming field and value, or
 * quoting the start of what is no JSON object.
 */
export function parseResult(text: string, version: CniVersion, doing = "reading CNI result"): AddResult {
  return decodeResult(parseJsonObject(text, doing), version, doing);
}

/** `parseResult` for JSON that is parsed already. */
export function decodeResult(value: unknown, version: CniVersion, doing = "reading CNI result"): AddResult {
  if (!isJsonObject(value)) throw new StatusError(Code.InvalidArgument, `${doing}: ${quote(value)} is no object`);
  const own = readVersion(value["cniVersion"], version, doing);
  return isAtLeast(own, "0.3.0") ? decodeCurrent(value, doing) : decode02(value, doing);
}

/** Checks `value` against `schema`; the error names up to three fields with their values. */
export function decodeWith<T extends z.ZodType>(schema: T, value: unknown, doing: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 3).map((issue) => {
    const path = issue.path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
    const found = issue.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      value,
    );
    return `${path === "" ? "value" : path.replace(/^\./, "")} ${quote(found)}: ${issue.message}`;
  });
  throw new StatusError(Code.InvalidArgument, `${doing}: ${issues.join("; ")}`);
}

function readVersion(own: unknown, version: CniVersion, doing: string): CniVersion {
  if (own === undefined || own === null || own === "") return version;
  if (typeof own === "string" && isSupportedVersion(own)) return own;
  const supported = supportedVersions.join(", ");
  throw new StatusError(
    Code.InvalidArgument,
    `${doing}: cniVersion ${quote(own)} is not supported (supported: ${supported})`,
  );
}

function decode02(value: unknown, doing: string): AddResult {
  const { ip4, ip6, dns } = decodeWith(result02Schema, value, doing);
  const ips: IpConfig[] = [];
  const routes: Route[] = [];
  for (const [field, family, config] of [
    ["ip4", 4, ip4],
    ["ip6", 6, ip6],
  ] as const) {
    if (config === undefined || config === null) continue;
    if (parseCidr(config.ip)?.family !== family)
      throw new StatusError(Code.InvalidArgument, `${doing}: ${field}.ip ${quote(config.ip)} is of the other family`);
    ips.push(compact({ address: config.ip, gateway: config.gateway }));
    routes.push(...(config.routes ?? []).map((route) => compact(route)));
  }
  return { cniVersion: newestVersion, interfaces: [], ips, routes, dns: compactDns(dns) };
}

function decodeCurrent(value: unknown, doing: string): AddResult {
  const decoded = decodeWith(resultSchema, value, doing);
  const interfaces = (decoded.interfaces ?? []).map((one): Interface => compact(one));
  const ips = (decoded.ips ?? []).map(({ version, ...rest }, index): IpConfig => {
    const family = parseCidr(rest.address)?.family;
    if (version !== undefined && version !== null && version !== String(family))
      throw new StatusError(
        Code.InvalidArgument,
        `${doing}: ips[${index}].version ${quote(version)} is not that of address ${quote(rest.address)}`,
      );
    const at = rest.interface;
    if (at !== undefined && at !== null && (at < 0 || at >= interfaces.length))
      throw new StatusError(
        Code.InvalidArgument,
        `${doing}: ips[${index}].interface ${at} is out of range (${interfaces.length} interfaces)`,
      );
    return compact(rest);
  });
  const routes = (decoded.routes ?? []).map((route): Route => compact(route));
  return { cniVersion: newestVersion, interfaces, ips, routes, dns: compactDns(decoded.dns) };
}

function compactDns(dns: z.output<typeof resultSchema>["dns"]): Dns {
  return compact(dns ?? {});
}

type Present<T> = { [K in keyof T as undefined extends T[K] ? never : null extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : null extends T[K] ? K : never]?: NonNullable<T[K]>;
};

/** A copy without the fields that are absent. */
function compact<T extends object>(value: T): Present<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== undefined && field !== null),
  ) as Present<T>;
}

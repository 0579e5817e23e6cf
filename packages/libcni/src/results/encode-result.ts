import type { CniVersion } from "../version.ts";
import { parseCidr } from "./address.ts";
import type {
  AddResult,
  FamilyConfig,
  PlainInterface,
  PlainRoute,
  Result02,
  Result04,
  VersionedResult,
} from "./types.ts";

/**
 * The result as plugins of `version` read it, for `prevResult` and for the cache. What an older form cannot express is
 * left out: fields of 1.1.0, and before 0.3.0 interfaces and all but the first address of each family.
 */
export function encodeResult(result: AddResult, version: CniVersion): VersionedResult {
  switch (version) {
    case "0.1.0":
    case "0.2.0":
      return encode02(result, version);
    case "0.3.0":
    case "0.3.1":
    case "0.4.0":
      return encode04(result, version);
    case "1.0.0":
      return { ...encodePlain(result), cniVersion: version, ips: result.ips };
    case "1.1.0":
    default:
      return result;
  }
}

function encode04(result: AddResult, cniVersion: Result04["cniVersion"]): Result04 {
  const ips = result.ips.map((ip) => ({ version: `${familyOfCidr(ip.address)}` as const, ...ip }));
  return { ...encodePlain(result), cniVersion, ips };
}

function encode02(result: AddResult, cniVersion: Result02["cniVersion"]): Result02 {
  const ip4 = encodeFamily(result, 4);
  const ip6 = encodeFamily(result, 6);
  return {
    cniVersion,
    ...(ip4 === undefined ? {} : { ip4 }),
    ...(ip6 === undefined ? {} : { ip6 }),
    dns: result.dns,
  };
}

function encodeFamily(result: AddResult, family: 4 | 6): FamilyConfig | undefined {
  const first = result.ips.find((ip) => familyOfCidr(ip.address) === family);
  if (first === undefined) return undefined;
  const routes = result.routes.filter((route) => familyOfCidr(route.dst) === family).map(encodeRoute);
  return {
    ip: first.address,
    ...(first.gateway === undefined ? {} : { gateway: first.gateway }),
    ...(routes.length === 0 ? {} : { routes }),
  };
}

function encodePlain(result: AddResult): Pick<Result04, "interfaces" | "routes" | "dns"> {
  const interfaces = result.interfaces.map(({ name, mac, sandbox }): PlainInterface => ({
    name,
    ...(mac === undefined ? {} : { mac }),
    ...(sandbox === undefined ? {} : { sandbox }),
  }));
  return { interfaces, routes: result.routes.map(encodeRoute), dns: result.dns };
}

function encodeRoute({ dst, gw }: PlainRoute): PlainRoute {
  return gw === undefined ? { dst } : { dst, gw };
}

function familyOfCidr(cidr: string): 4 | 6 {
  // Every result was decoded before, so its addresses are addresses.
  return parseCidr(cidr)?.family ?? 4;
}

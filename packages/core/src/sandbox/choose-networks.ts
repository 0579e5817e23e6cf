import { Code, StatusError } from "@crib/errdefs";

import type { RuntimeHandler } from "./types.ts";

/** A network that a pod asks for by name. */
export interface ChosenNetwork {
  readonly name: string;
  readonly ifName: string;
}

/** The networks of a pod, instead of those that every pod of its handler gets; the first gives the pod its address. */
export const networksAnnotation = "dev.crib/networks";
/** iSulad's: networks beside those that every pod gets; JSON alone. */
export const moreNetworksAnnotation = "network.alpha.kubernetes.io/network";

/** Of one pod; more is a mistake, and each costs a run of its plugins. */
const mostNetworks = 16;

/**
 * Reads which networks a pod asks for: `a,b@eth7`, or a JSON list of `{"name": ..., "interface": ...}`. Empty when it asks for none.
 * `defaults` is how many interfaces are taken by networks that the pod gets anyway. InvalidArgument for another form, a name that the handler does
 * not allow, an interface name that Linux does not take, and one that is asked for twice.
 */
export function chooseNetworks(
  annotations: Readonly<Record<string, string>>,
  handler: Pick<RuntimeHandler, "name" | "networks">,
  defaults: number,
): readonly ChosenNetwork[] {
  const own = annotations[networksAnnotation];
  const more = annotations[moreNetworksAnnotation];
  if (own !== undefined && more !== undefined) {
    throw new StatusError(
      Code.InvalidArgument,
      `annotations "${networksAnnotation}" and "${moreNetworksAnnotation}": a pod has one of them at most`,
    );
  }
  const [key, value] = own === undefined ? [moreNetworksAnnotation, more] : [networksAnnotation, own];
  if (value === undefined) return [];
  const asked = value.trimStart().startsWith("[") ? parseJson(key, value) : parseWords(key, value);
  if (asked.length === 0 || asked.length > mostNetworks) {
    throw wrong(key, value, `expected from 1 to ${mostNetworks} networks`);
  }
  const chosen = asked.map(({ name, ifName }, index) => ({ name, ifName: ifName ?? `eth${defaults + index}` }));
  refuseForeign(key, chosen, handler);
  refuseInterfaces(key, chosen, defaults);
  return chosen;
}

interface Asked {
  readonly name: string;
  readonly ifName?: string;
}

function parseWords(key: string, value: string): readonly Asked[] {
  return value.split(",").map((word) => {
    const [name = "", ifName, ...rest] = word.trim().split("@");
    if (name === "" || ifName === "" || rest.length > 0) {
      throw wrong(key, value, 'expected "NAME" or "NAME@INTERFACE", separated by commas');
    }
    return { name, ...(ifName !== undefined && { ifName }) };
  });
}

function parseJson(key: string, value: string): readonly Asked[] {
  const form = 'expected a JSON list of {"name": "NAME", "interface": "INTERFACE"}';
  let list: unknown;
  try {
    list = JSON.parse(value);
  } catch (error) {
    throw wrong(key, value, `${form}: ${(error as Error).message}`);
  }
  if (!Array.isArray(list)) throw wrong(key, value, form);
  return list.map((entry: unknown) => {
    if (typeof entry === "string" && entry !== "") return { name: entry };
    const { name, interface: ifName } = (entry ?? {}) as { readonly name?: unknown; readonly interface?: unknown };
    const isNamed = typeof name === "string" && name !== "";
    if (!isNamed || (ifName !== undefined && typeof ifName !== "string")) throw wrong(key, value, form);
    return { name, ...(ifName !== undefined && ifName !== "" && { ifName }) };
  });
}

function refuseForeign(
  key: string,
  chosen: readonly ChosenNetwork[],
  { name: handler, networks = [] }: Pick<RuntimeHandler, "name" | "networks">,
): void {
  const foreign = chosen.find(({ name }) => !networks.includes(name));
  if (!foreign) return;
  const known = networks.map((name) => `"${name}"`).join(", ") || "none";
  throw new StatusError(
    Code.InvalidArgument,
    `annotation "${key}": network "${foreign.name}": runtime handler "${handler}" lets pods choose ${known}`,
  );
}

/** As dev_valid_name() of the kernel, and no two alike; those of networks that every pod gets are taken. */
function refuseInterfaces(key: string, chosen: readonly ChosenNetwork[], defaults: number): void {
  const taken = new Set(["lo", ...Array.from({ length: defaults }, (_, index) => `eth${index}`)]);
  for (const { ifName } of chosen) {
    if (!/^[^\s/:]{1,15}$/.test(ifName) || ifName === "." || ifName === "..") {
      throw wrong(key, ifName, "expected the name of an interface, from 1 to 15 characters without / and :");
    }
    if (taken.has(ifName)) throw wrong(key, ifName, "another network of the pod has this interface");
    taken.add(ifName);
  }
}

function wrong(key: string, value: string, expected: string): StatusError {
  return new StatusError(
    Code.InvalidArgument,
    `annotation "${key}": ${JSON.stringify(value.slice(0, 200))}: ${expected}`,
  );
}

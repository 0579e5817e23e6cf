import type { Bandwidth } from "@crib/core/sandbox";

import { invalid, quote } from "../values/invalid.ts";
import { parseQuantity } from "../values/quantity.ts";

const ingress = "kubernetes.io/ingress-bandwidth";
const egress = "kubernetes.io/egress-bandwidth";
const min = 1_000n;
const max = 1_000_000_000_000_000n;
/** Bits. As large as the bandwidth plugin takes, so that a burst never limits more than the rate does. */
const burst = 2 ** 32 - 1;

/** The bandwidth limits that a pod's annotations ask for, in bits per second; undefined when they ask for none. */
export function checkBandwidth(annotations: Readonly<Record<string, string>>): Bandwidth | undefined {
  const ingressRate = rate(annotations, ingress);
  const egressRate = rate(annotations, egress);
  if (ingressRate === undefined && egressRate === undefined) return undefined;
  return {
    ...(ingressRate !== undefined && { ingressRate, ingressBurst: burst }),
    ...(egressRate !== undefined && { egressRate, egressBurst: burst }),
  };
}

function rate(annotations: Readonly<Record<string, string>>, key: string): number | undefined {
  const text = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
  if (text === undefined) return undefined;
  const value = parseQuantity(text);
  if (value === undefined) throw invalid(`config.annotations[${key}]`, `${quote(text)} is not a quantity`);
  if (value < min || value > max)
    throw invalid(`config.annotations[${key}]`, `${quote(text)} is not between 1k and 1P`);
  return Number(value);
}

import { Code, StatusError } from "@crib/errdefs";

const factors: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** The whole number that a Kubernetes quantity (`50M`, `1.5Gi`, `10k`) is. InvalidArgument, naming `what`, for another text. */
export function quantity(text: string, what: string): number {
  const [, digits = "", unit = ""] = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)$/.exec(text.trim()) ?? [];
  const value = Math.ceil(Number(digits) * (factors[unit] ?? Number.NaN));
  if (digits !== "" && Number.isSafeInteger(value)) return value;
  throw new StatusError(Code.InvalidArgument, `reading ${what}: ${JSON.stringify(text)} is no quantity`);
}

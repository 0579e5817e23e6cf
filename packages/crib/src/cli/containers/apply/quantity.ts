import { Code, StatusError } from "@crib/errdefs";

const powersOfTen: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const powersOf1024: readonly string[] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

const form =
  /^(?<whole>\d{0,18})(?:\.(?<part>\d{0,18}))?(?:(?<binary>[KMGTPE]i)|(?<decimal>[numkMGTPE]?)|[eE](?<exponent>[+-]?\d{1,2}))$/;

/** Whether a text is a quantity of Kubernetes: `100m`, `1.5`, `64Mi`, `2e3`. Negative ones, which limit nothing, are not. */
export function isQuantity(text: string): boolean {
  return text !== "" && /\d/.test(text) && form.test(text);
}

/** The thousandths that a quantity is, rounded up as Kubernetes does. InvalidArgument for what is none. */
export function thousandths(text: string): bigint {
  return scaled(text, 3);
}

/** The whole units that a quantity is, rounded up: bytes of memory. InvalidArgument for what is none. */
export function wholeUnits(text: string): bigint {
  return scaled(text, 0);
}

function scaled(text: string, digits: number): bigint {
  const groups = form.exec(text)?.groups;
  if (!groups || !isQuantity(text))
    throw new StatusError(Code.InvalidArgument, `reading quantity "${text}": expected one such as 100m or 64Mi`);
  const { whole = "", part = "", binary, decimal, exponent } = groups;
  const count = BigInt(`${whole}${part}` || "0");
  const factor = binary === undefined ? 1n : 1024n ** BigInt(powersOf1024.indexOf(binary));
  const power = (exponent === undefined ? (powersOfTen[decimal ?? ""] ?? 0) : Number(exponent)) - part.length + digits;
  if (power >= 0) return count * factor * 10n ** BigInt(power);
  const divisor = 10n ** BigInt(-power);
  return (count * factor + divisor - 1n) / divisor;
}

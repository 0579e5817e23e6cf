const suffixes: ReadonlyMap<string, readonly [base: bigint, exponent: number]> = new Map([
  ["n", [10n, -9]],
  ["u", [10n, -6]],
  ["m", [10n, -3]],
  ["", [10n, 0]],
  ["k", [10n, 3]],
  ["M", [10n, 6]],
  ["G", [10n, 9]],
  ["T", [10n, 12]],
  ["P", [10n, 15]],
  ["E", [10n, 18]],
  ["Ki", [2n, 10]],
  ["Mi", [2n, 20]],
  ["Gi", [2n, 30]],
  ["Ti", [2n, 40]],
  ["Pi", [2n, 50]],
  ["Ei", [2n, 60]],
]);

/** Digits, fraction, and a suffix or a decimal exponent, each bounded so that no number grows without limit. */
const form = /^([+-]?)(\d{1,20})?(?:\.(\d{1,20})?)?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/;

/**
 * The value of a Kubernetes quantity (`10M`, `1.5Gi`, `2e3`), rounded up to a whole number as Kubernetes does.
 * Undefined for anything that is not one.
 */
export function parseQuantity(text: string): bigint | undefined {
  const match = form.exec(text);
  if (!match) return undefined;
  const [, sign, whole = "", fraction = "", suffix = "", exponent] = match;
  if (whole === "" && fraction === "") return undefined;
  const scale = exponent === undefined ? suffixes.get(suffix) : ([10n, Number(exponent)] as const);
  if (!scale) return undefined;
  const [base, power] = scale;
  const digits = BigInt(whole + fraction) * (sign === "-" ? -1n : 1n);
  const numerator = power > 0 ? digits * base ** BigInt(power) : digits;
  const denominator = 10n ** BigInt(fraction.length) * (power < 0 ? base ** BigInt(-power) : 1n);
  const quotient = numerator / denominator;
  return numerator > 0n && numerator % denominator !== 0n ? quotient + 1n : quotient;
}

import { invalid } from "./invalid.ts";

/** Uids and gids end one below 2^32 - 1, which means "unchanged" to the kernel (chown(2)). */
export const maxUserId = 2 ** 32 - 2;

/** An int64 of a request as a number, which is exact because both bounds are safe integers. Fails with InvalidArgument outside of them. */
export function checkInteger(field: string, value: bigint | number, min: number, max: number): number {
  if (value < min || value > max) throw invalid(field, `${value} is not between ${min} and ${max}`);
  return Number(value);
}

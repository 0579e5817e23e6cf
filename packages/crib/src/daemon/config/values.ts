import * as z from "zod";

import { parseDuration } from "./duration.ts";
import { parseSize } from "./size.ts";

/** A path from the root. */
export const absolutePath = z
  .string()
  .refine((path) => path.startsWith("/") && !path.includes("\0"), { error: "expected an absolute path" });
/** A path from the root, or nothing. */
export const optionalPath = z.string().refine((path) => path === "" || (path.startsWith("/") && !path.includes("\0")), {
  error: 'expected an absolute path or ""',
});
/** A time with its unit. */
export const duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined, { error: 'expected a duration such as "500ms", "30s" or "4m"' });
/** A time above zero. */
export const positiveDuration = duration.refine((text) => parseDuration(text) !== 0, {
  error: "expected a duration above zero",
});
/** Bytes with their unit, above zero. */
export const positiveSize = z.string().refine((text) => (parseSize(text) ?? 0) > 0, {
  error: 'expected a size above zero, such as "512KiB", "4MiB" or "64GiB"',
});
/** A whole number above zero. */
export const positiveCount = z.number().int().min(1).max(1_000_000_000);
/** A whole number. */
export const count = z.number().int().min(0).max(1_000_000);

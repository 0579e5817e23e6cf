/**
 * Milliseconds that a Retry-After header asks to wait for (RFC 9110, section 10.2.3): seconds or a date. Undefined for what is
 * neither (negative numbers too) and for dates that are past. Huge numbers become Infinity or the like.
 */
export function parseRetryAfter(text: string | undefined, nowMs: number = Date.now()): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  if (!/^[A-Z][a-z]{2,8}, /.test(text)) return undefined;
  const wait = Date.parse(text) - nowMs;
  return wait > 0 ? wait : undefined;
}

const steps = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
] as const;

/** How long ago something was, in its largest unit: `3s`, `12m`, `5h`, `40d`. Takes nanoseconds since 1970. */
export function formatAge(createdAt: bigint, nowMs: number = Date.now()): string {
  const seconds = Math.max(0, Math.floor(nowMs / 1_000 - Number(createdAt / 1_000_000_000n)));
  for (const [unit, size] of steps) if (seconds >= size) return `${Math.floor(seconds / size)}${unit}`;
  return `${seconds}s`;
}

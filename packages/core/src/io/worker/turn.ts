/** How long output may be copied before messages and other containers have their turn. */
const turnMs = 0.5;

let endMs: number | undefined;

/** Whether this turn of the event loop has copied for long enough. */
export function isTurnOver(): boolean {
  const nowMs = performance.now();
  if (endMs === undefined) {
    endMs = nowMs + turnMs;
    // Runs when all that was ready has been seen to.
    setImmediate(() => (endMs = undefined));
    return false;
  }
  return nowMs >= endMs;
}

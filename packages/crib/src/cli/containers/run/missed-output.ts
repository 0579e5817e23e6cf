const carriageReturn = 13;
const lineFeed = 10;
/** How far two views of one output are compared where they are out of step. */
const maxShift = 65_536;

/** Output as logs keep it: without the carriage return in front of a line feed, which terminals add. */
export function asLogged(bytes: Uint8Array): Buffer {
  const kept = bytes.filter((byte, index) => !(byte === carriageReturn && bytes[index + 1] === lineFeed));
  return Buffer.from(kept);
}

/** Output as a terminal gets it: with a carriage return in front of each line feed. */
export function asShown(bytes: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(bytes).toString("latin1").replaceAll("\n", "\r\n"), "latin1");
}

/**
 * How many bytes of `log`, all that a process has written, come before `held`, what a client has seen that joined later. Both are
 * as logs keep them. When nothing is on its way they end alike; else the place is looked for where one is ahead of the other.
 */
export function bytesBefore(log: Buffer, held: Buffer): number {
  const likely = log.length - held.length;
  for (let shift = 0; shift <= maxShift; shift++) {
    for (const at of shift === 0 ? [likely] : [likely + shift, likely - shift]) {
      if (at < 0 || at > log.length) continue;
      const length = Math.min(log.length - at, held.length);
      if (log.compare(held, 0, length, at, at + length) === 0) return at;
    }
    if (likely - shift < 0 && likely + shift > log.length) break;
  }
  return Math.max(0, likely);
}

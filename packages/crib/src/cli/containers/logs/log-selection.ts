import type { LogEntry } from "@crib/cri-client";

/** Whether an entry is recent enough. Entries whose time cannot be read are. */
export function isSince({ time }: LogEntry, sinceMs: number | undefined): boolean {
  if (sinceMs === undefined) return true;
  const at = Date.parse(time);
  return Number.isNaN(at) || at >= sinceMs;
}

/** Keeps the last lines of a log, of both outputs together; a line is all its parts. */
export class LastLines {
  readonly #count: number;
  #entries: LogEntry[] = [];
  #lines = 0;

  constructor(count: number) {
    this.#count = count;
  }

  add(entry: LogEntry): void {
    if (this.#count === 0) return;
    this.#entries.push({ ...entry, text: Buffer.from(entry.text) });
    if (!entry.isPartial) this.#lines += 1;
    // A part at the end begins one more line.
    while (this.#lines + (entry.isPartial ? 1 : 0) > this.#count) this.#dropLine();
  }

  /** What is kept, in its order. */
  take(): readonly LogEntry[] {
    return this.#entries.splice(0);
  }

  /** The first line that is whole, with its parts; those of the other output between them stay. */
  #dropLine(): void {
    const end = this.#entries.findIndex(({ isPartial }) => !isPartial);
    if (end < 0) return;
    const { stream } = this.#entries[end] ?? {};
    this.#entries = this.#entries.filter((entry, index) => index > end || entry.stream !== stream);
    this.#lines -= 1;
  }
}

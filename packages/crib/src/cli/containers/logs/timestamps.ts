import type { LogEntry } from "@crib/cri-client";

/** Puts the time in front of each line: that of its first part. */
export class Timestamps {
  readonly #isInside = { stdout: false, stderr: false };

  /** The entry with its time, unless it continues a line. */
  add(entry: LogEntry): LogEntry {
    const isInside = this.#isInside[entry.stream];
    this.#isInside[entry.stream] = entry.isPartial;
    return isInside ? entry : { ...entry, text: Buffer.concat([Buffer.from(`${entry.time} `), entry.text]) };
  }
}

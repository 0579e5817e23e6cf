import { followFile, type FollowOptions, LogDecoder, type LogEntry } from "@crib/cri-client";

import { writeOutput } from "../streams/write-output.ts";

const lineFeed = Buffer.from("\n");

/**
 * Copies what a container wrote to our own outputs as it wrote it: to the byte, but for carriage returns in front of line feeds, which logs
 * do not keep. Settles when the log is complete, with false when nobody reads our outputs any more.
 */
export async function copyLog(path: string, options: FollowOptions): Promise<boolean> {
  const decoder = new LogDecoder();
  for await (const piece of followFile(path, options)) {
    if (!(await writeEntries(decoder.decode(piece)))) return false;
  }
  return true;
}

/** Writes entries to the output that each belongs to, neighbours at once. False when nobody reads one of them. */
export async function writeEntries(entries: readonly LogEntry[]): Promise<boolean> {
  let pieces: Buffer[] = [];
  for (const [index, { stream, text, isPartial }] of entries.entries()) {
    pieces.push(text);
    if (!isPartial) pieces.push(lineFeed);
    if (entries[index + 1]?.stream === stream) continue;
    const isRead = await writeOutput(process[stream], Buffer.concat(pieces));
    if (!isRead) return false;
    pieces = [];
  }
  return true;
}

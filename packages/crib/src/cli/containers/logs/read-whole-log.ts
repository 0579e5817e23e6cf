import { followFile, LogDecoder } from "@crib/cri-client";

const lineFeed = Buffer.from("\n");

/** All text that is in a log now, parts joined; nothing where there is no log yet. */
export async function readWholeLog(path: string): Promise<Buffer> {
  const decoder = new LogDecoder();
  const pieces: Buffer[] = [];
  for await (const piece of followFile(path, { isComplete: () => true })) {
    for (const { text, isPartial } of decoder.decode(Buffer.from(piece))) {
      pieces.push(text);
      if (!isPartial) pieces.push(lineFeed);
    }
  }
  return Buffer.concat(pieces);
}

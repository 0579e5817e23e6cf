import type { Readable } from "node:stream";

/** Bytes of a message that a server may send on an error stream. */
const maxMessageBytes = 64 * 1024;

/** Everything a stream gives, up to 64 KiB; what is behind that is dropped. */
export async function readText(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (bytes < maxMessageBytes) chunks.push(chunk);
    bytes += chunk.length;
  }
  return Buffer.concat(chunks).toString("utf8", 0, maxMessageBytes);
}

import { createReadStream } from "node:fs";

import { StatusError } from "@crib/errdefs";
import { Images } from "@crib/wire/admin";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { stopSignal } from "../stop-signal.ts";

/** The flags of `crib image import`. */
export interface ImportOptions extends EndpointOptions {
  readonly as?: string;
}

/** Bytes of a message. */
const chunkBytes = 256 * 1024;

/** Sends an archive and prints the images that it had: id and names. */
export async function importCommand(file: string, options: ImportOptions): Promise<void> {
  const doing = `importing "${file}"`;
  const signal = stopSignal(doing);
  const input = file === "-" ? process.stdin : createReadStream(file, { highWaterMark: chunkBytes });
  try {
    const { images } = await withClient(options, (client) =>
      client.service(Images).import(chunks(input, options.as ?? "", doing), { signal }),
    );
    for (const { id, repoTags } of images) console.log([id, ...repoTags].join(" "));
  } finally {
    // What feeds a pipe may never end; the process has to.
    input.destroy();
  }
}

async function* chunks(
  input: AsyncIterable<Uint8Array>,
  name: string,
  doing: string,
): AsyncGenerator<{ readonly name?: string; readonly data?: Uint8Array; readonly end?: true }> {
  yield { name };
  try {
    for await (const chunk of input) {
      for (let at = 0; at < chunk.length; at += chunkBytes) yield { data: chunk.subarray(at, at + chunkBytes) };
    }
  } catch (reason) {
    throw StatusError.from(reason, doing);
  }
  yield { end: true };
}

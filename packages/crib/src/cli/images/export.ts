import { once } from "node:events";

import { Code, StatusError } from "@crib/errdefs";
import { Images } from "@crib/wire/admin";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { stopSignal } from "../stop-signal.ts";
import { writeWhole } from "./write-whole.ts";

/** The flags of `crib image export`. */
export interface ExportOptions extends EndpointOptions {
  readonly output: string;
}

/** Writes images to an archive, which appears under its name when it is complete. */
export async function exportCommand(names: readonly string[], options: ExportOptions): Promise<void> {
  const signal = stopSignal(`exporting to "${options.output}"`);
  if (options.output === "-" && process.stdout.isTTY) {
    throw new StatusError(Code.InvalidArgument, "exporting: a terminal cannot take an archive; name a file");
  }
  await withClient(options, async (client) => {
    const chunks = client.service(Images).export({ images: [...names] }, { signal });
    if (options.output !== "-") await writeWhole(options.output, dataOf(chunks));
    else {
      for await (const data of dataOf(chunks)) {
        if (!process.stdout.write(data)) await once(process.stdout, "drain");
      }
    }
  });
}

async function* dataOf(chunks: AsyncIterable<{ readonly data: Uint8Array }>): AsyncGenerator<Uint8Array> {
  for await (const { data } of chunks) yield data;
}

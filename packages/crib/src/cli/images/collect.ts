import { Images } from "@crib/wire/admin";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { formatBytes } from "./format-size.ts";

/** The flags of `crib image gc`. */
export interface CollectOptions extends EndpointOptions {
  readonly partials?: true;
}

/** Collects garbage and says what was removed. */
export async function collectCommand(options: CollectOptions): Promise<void> {
  // A large store takes its time; the daemon being away shows all the same.
  const timeoutMs = 600_000;
  const { blobs, bytes, snapshots, partials } = await withClient(options, (client) =>
    client.service(Images).collect({ abandonedToo: options.partials === true }, { timeoutMs }),
  );
  console.log(`removed ${blobs} blobs and ${partials} partial ones (${formatBytes(bytes)}), ${snapshots} snapshots`);
}

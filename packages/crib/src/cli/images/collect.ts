import { Images } from "@crib/wire/admin";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { formatBytes } from "./format-size.ts";

/** Collects garbage and says what was removed. */
export async function collectCommand(options: EndpointOptions): Promise<void> {
  // A large store takes its time; the daemon being away shows all the same.
  const timeoutMs = 600_000;
  const { blobs, bytes, snapshots, partials } = await withClient(options, (client) =>
    client.service(Images).collect({}, { timeoutMs }),
  );
  console.log(`removed ${blobs} blobs and ${partials} partial ones (${formatBytes(bytes)}), ${snapshots} snapshots`);
}

import { BlobState, Images, type VerifyEvent } from "@crib/wire/admin";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { ExitCode } from "../exit-code.ts";
import { stopSignal } from "../stop-signal.ts";
import { formatBytes } from "./format-size.ts";
import { shortId } from "./short-id.ts";

/** Hashes the store and names what is damaged or missing, with the images that need it; exit code 1 then. */
export async function verifyCommand(options: EndpointOptions): Promise<void> {
  const signal = stopSignal("verifying");
  let blobs = 0;
  let bytes = 0n;
  let bad = 0;
  await withClient(options, async (client) => {
    for await (const event of client.service(Images).verify({}, { signal })) {
      blobs++;
      bytes += event.size;
      if (event.state === BlobState.SOUND) continue;
      bad++;
      console.log(describeBad(event));
    }
  });
  const all = `${blobs} blobs, ${formatBytes(bytes)}`;
  console.log(bad === 0 ? `${all}: all sound` : `${all}: ${bad} bad; pull the images again`);
  if (bad > 0) process.exitCode = ExitCode.failed;
}

function describeBad({ digest, state, images }: VerifyEvent): string {
  const what = state === BlobState.MISSING ? "missing" : "damaged";
  const whose = images.length === 0 ? "no image needs it" : `images ${images.map(shortId).join(", ")}`;
  return `${what}: ${digest} (${whose})`;
}

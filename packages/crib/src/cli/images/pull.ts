import { Images } from "@crib/wire/admin";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { stopSignal } from "../stop-signal.ts";
import { type CredentialOptions, credentialsOf } from "./credentials.ts";
import { openProgressView } from "./progress/open-progress-view.ts";

/** The flags of `crib pull`. */
export interface PullOptions extends EndpointOptions, CredentialOptions {
  readonly runtimeHandler: string;
  readonly quiet?: true;
}

/** Pulls an image, shows how it goes on, and prints its id. An interrupt ends the pull in the daemon too. */
export async function pullCommand(image: string, options: PullOptions): Promise<void> {
  const auth = await credentialsOf(options, image);
  const signal = stopSignal(`pulling "${image}"`);
  using view = openProgressView(options.quiet === true);
  const imageId = await withClient(options, async (client) => {
    const request = { image, runtimeHandler: options.runtimeHandler, ...(auth && { auth }) };
    let id = "";
    for await (const { event } of client.service(Images).pull(request, { signal })) {
      if (event.case === "done") id = event.value.imageId;
      else view.show(event);
    }
    return id;
  });
  view.finish();
  console.log(imageId);
}

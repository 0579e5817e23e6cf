import type { CriClient } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";
import { Images } from "@crib/wire/admin";

import { openProgressView } from "../../images/progress/open-progress-view.ts";

/** When an image is pulled; the words are those of Kubernetes. */
export type PullPolicy = "Always" | "IfNotPresent" | "Never";

/** What of an image decides how a container is run. */
export interface PresentImage {
  readonly id: string;
  /** Who runs where the container does not say: a uid, else a name; both empty is root. */
  readonly uid: bigint | undefined;
  readonly username: string;
}

/**
 * The image of a name, pulled when the policy wants it, with progress on standard error. NotFound for `Never` and an image that is
 * not there.
 */
export async function ensureImage(
  client: CriClient,
  image: string,
  options: { readonly policy: PullPolicy; readonly runtimeHandler: string; readonly signal: AbortSignal },
): Promise<PresentImage> {
  const { policy, signal } = options;
  const known = policy === "Always" ? undefined : await findImage(client, image);
  if (known) return known;
  if (policy === "Never") {
    throw new StatusError(Code.NotFound, `finding image "${image}": it is not here, and the pull policy is Never`);
  }
  const id = await pull(client, image, options.runtimeHandler, signal);
  const pulled = await findImage(client, id);
  if (!pulled) throw new StatusError(Code.NotFound, `finding image "${image}": it has gone since it was pulled`);
  return pulled;
}

async function findImage({ image: images }: CriClient, image: string): Promise<PresentImage | undefined> {
  const { image: found } = await images.imageStatus({ image: { image } });
  return found && { id: found.id, uid: found.uid?.value, username: found.username };
}

async function pull(client: CriClient, image: string, runtimeHandler: string, signal: AbortSignal): Promise<string> {
  using view = openProgressView(false);
  let id = "";
  for await (const { event } of client.service(Images).pull({ image, runtimeHandler }, { signal })) {
    if (event.case === "done") id = event.value.imageId;
    else view.show(event);
  }
  view.finish();
  return id;
}

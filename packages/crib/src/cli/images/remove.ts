import type { CriClient } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";
import { Images } from "@crib/wire/admin";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { ExitCode } from "../exit-code.ts";
import { failureLine } from "../failure-line.ts";
import { listImages } from "./list.ts";

/** The flags of `crib rmi`. */
export interface RemoveOptions extends EndpointOptions {
  readonly all?: true;
  readonly prune?: true;
}

/** Removes the named images, or those that the flags choose, one after another and says which; one that fails does not keep the others. Exit code 1 when one failed. */
export async function removeCommand(names: readonly string[], options: RemoveOptions): Promise<void> {
  await withClient(options, async (client) => {
    const wanted = names.length > 0 ? names : await chosenIds(client, options);
    for (const name of wanted) {
      try {
        await removeOne(client, name, names.length > 0);
      } catch (reason) {
        console.error(failureLine(reason));
        process.exitCode = ExitCode.failed;
      }
    }
  });
}

async function removeOne(client: CriClient, name: string, mustExist: boolean): Promise<void> {
  const { image } = await client.service(Images).remove({ image: name });
  if (image) console.log([image.id, ...image.repoTags].join(" "));
  // One that was chosen here and has gone meanwhile is as wanted.
  else if (mustExist) throw new StatusError(Code.NotFound, `removing image "${name}": there is none`);
}

async function chosenIds(client: CriClient, { all }: RemoveOptions): Promise<readonly string[]> {
  const images = (await listImages(client)).filter(({ pinned }) => !pinned);
  if (all) return images.map(({ id }) => id);
  const { containers } = await client.runtime.listContainers({});
  const used = new Set(containers.flatMap(({ imageId, imageRef }) => [imageId, imageRef]));
  return images
    .filter(
      ({ id, repoTags, repoDigests }) => repoTags.length === 0 && ![id, ...repoDigests].some((name) => used.has(name)),
    )
    .map(({ id }) => id);
}

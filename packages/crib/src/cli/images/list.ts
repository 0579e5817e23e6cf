import { toJson } from "@bufbuild/protobuf";
import type { CriClient } from "@crib/cri-client";
import { type Image, Images, ImageSchema } from "@crib/wire/admin";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { printJson } from "../print-json.ts";
import { drawTable } from "./draw-table.ts";
import { formatBytes } from "./format-size.ts";
import { shortId } from "./short-id.ts";

/** The flags of `crib images`. */
export interface ListOptions extends EndpointOptions {
  readonly quiet?: true;
  /** False for `--no-trunc`. */
  readonly trunc: boolean;
  readonly json?: true;
}

/** Prints the images that a filter leaves: a line for each tag, or one for an image without any. */
export async function listCommand(filter: string | undefined, options: ListOptions): Promise<void> {
  const images = await withClient(options, (client) => listImages(client, filter));
  if (options.json) printJson(images.map((image) => toJson(ImageSchema, image, { alwaysEmitImplicit: true })));
  else if (options.quiet) for (const { id } of images) console.log(options.trunc ? shortId(id) : id);
  else for (const line of drawImages(images, options.trunc)) console.log(line);
}

/** The images that a filter leaves, by their first name. */
export async function listImages(client: CriClient, filter = ""): Promise<readonly Image[]> {
  const images: Image[] = [];
  for await (const batch of client.service(Images).list({ image: filter })) images.push(...batch.images);
  const key = ({ id, repoTags, repoDigests }: Image): string => repoTags[0] ?? repoDigests[0] ?? id;
  return images.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** The table as crictl has it. */
export function drawImages(images: readonly Image[], truncate: boolean): readonly string[] {
  const rows = images.flatMap((image) =>
    namesOf(image).map(([name, tag]) => [name, tag, truncate ? shortId(image.id) : image.id, formatBytes(image.size)]),
  );
  return drawTable([["IMAGE", "TAG", "IMAGE ID", "SIZE"], ...rows]);
}

function namesOf({ repoTags, repoDigests }: Image): readonly (readonly [name: string, tag: string])[] {
  if (repoTags.length === 0) return [[repoDigests[0]?.split("@")[0] ?? "<none>", "<none>"]];
  return repoTags.map((name) => {
    const colon = name.lastIndexOf(":");
    return [name.slice(0, colon), name.slice(colon + 1)] as const;
  });
}

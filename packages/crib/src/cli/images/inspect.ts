import { toJson } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { ImageSchema } from "@crib/wire/cri";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { parseInfo } from "../parse-info.ts";
import { printJson } from "../print-json.ts";

/** Prints an image's status and everything that the daemon tells of it, as one JSON object. */
export async function inspectImageCommand(name: string, options: EndpointOptions): Promise<void> {
  const { image, info } = await withClient(options, (client) =>
    client.image.imageStatus({ image: { image: name }, verbose: true }),
  );
  if (!image) throw new StatusError(Code.NotFound, `looking for image "${name}": there is none`);
  printJson({ status: toJson(ImageSchema, image, { alwaysEmitImplicit: true }), ...parseInfo(info) });
}

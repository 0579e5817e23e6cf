import { Code, StatusError } from "@crib/errdefs";

import { parseDescriptor } from "./descriptor.ts";
import { JsonFields } from "./json-fields.ts";
import { isForeignLayerType, isIndexType, isLayerType, isManifestType, mediaTypes } from "./media-types.ts";
import { showValue } from "./show-value.ts";
import type { Descriptor, ImageIndex, ImageManifest } from "./types.ts";

/** What a manifest or index may be at most. Real images never meet the defaults. */
export interface ManifestLimits {
  /** Bytes of the document. Default 4 MiB. */
  readonly bytes: number;
  /** Entries of an index. Default 1,000. */
  readonly manifests: number;
  /** Default 512. */
  readonly layers: number;
}

const defaults: ManifestLimits = { bytes: 4 << 20, manifests: 1_000, layers: 512 };
const doing = "reading the manifest";

/** Types that servers give to any JSON or any bytes; they say nothing. */
const neutralTypes = new Set(["", "application/json", "application/octet-stream", "text/plain"]);

/** What Docker 1.10 and some registries of its time wrote as the type of a Docker image's configuration. */
const mistakenConfigTypes = new Set(["", "application/octet-stream", "application/json", "text/html"]);

/**
 * Reads a manifest or an index, OCI's or Docker's schema 2. `contentType` is the type that the registry or the descriptor
 * stated; parameters behind a semicolon are ignored. InvalidArgument for whatever is not one, contradicts its type, could be
 * read as both (CVE-2021-41190), has too many entries, or is no image but an artifact; ResourceExhausted above
 * `limits.bytes` or 100,000 values; Unimplemented for layers that are no (distributable) archives. Descriptors' `urls`, `subject` and the
 * manifest's annotations are not read.
 */
export function parseManifest(
  bytes: Uint8Array,
  contentType?: string,
  limits: Partial<ManifestLimits> = {},
): ImageManifest | ImageIndex {
  const resolved = { ...defaults, ...limits };
  const fields = JsonFields.parse(bytes, resolved.bytes, doing);
  checkSchema(fields);
  const mediaType = decideType(fields, contentType);
  return isIndexType(mediaType)
    ? parseIndex(fields, mediaType, resolved)
    : parseImageManifest(fields, mediaType, resolved);
}

function checkSchema(fields: JsonFields): void {
  if (fields.get("schemaVersion") === 1) {
    throw fields.refuse("schemaVersion", "2: Docker's schema 1 is obsolete; push the image anew with a current tool");
  }
  if (fields.get("schemaVersion") !== 2) throw fields.refuse("schemaVersion", "2");
  for (const key of ["layers", "config", "fsLayers", "history", "signatures"]) {
    if (fields.has("manifests") && fields.has(key)) {
      throw fields.refuse(key, 'nothing beside "manifests": the document could be read as a manifest and as an index');
    }
  }
}

/** The content type and the document's own `mediaType` must agree; where neither says anything, the members decide. */
function decideType(fields: JsonFields, contentType = ""): string {
  const stated = (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
  const own = fields.optionalString("mediaType");
  const isKnown = (type: string): boolean => isIndexType(type) || isManifestType(type);
  if (!neutralTypes.has(stated) && !isKnown(stated)) {
    throw new StatusError(
      Code.InvalidArgument,
      `${doing}: content type is ${showValue(contentType)}, expected one of an image's manifest or index`,
    );
  }
  if (own !== "" && !isKnown(own)) throw fields.refuse("mediaType", "that of an image's manifest or index");
  if (own !== "" && isKnown(stated) && own !== stated) {
    throw fields.refuse("mediaType", `${showValue(stated)}, as the content type says`);
  }
  if (own !== "") return own;
  if (isKnown(stated)) return stated;
  return fields.has("manifests") ? mediaTypes.ociIndex : mediaTypes.ociManifest;
}

function parseIndex(fields: JsonFields, mediaType: string, limits: ManifestLimits): ImageIndex {
  for (const key of ["layers", "config"]) {
    if (fields.has(key)) throw fields.refuse(key, "nothing in an index");
  }
  return { kind: "index", mediaType, manifests: fields.objects("manifests", limits.manifests).map(parseDescriptor) };
}

function parseImageManifest(fields: JsonFields, mediaType: string, limits: ManifestLimits): ImageManifest {
  if (fields.has("manifests")) throw fields.refuse("manifests", "nothing in a manifest");
  const config = parseDescriptor(fields.object("config"));
  const isConfig =
    config.mediaType === mediaTypes.ociConfig ||
    config.mediaType === mediaTypes.dockerConfig ||
    (mediaType === mediaTypes.dockerManifest && mistakenConfigTypes.has(config.mediaType));
  if (!isConfig) {
    throw fields.refuse("config.mediaType", "that of an image: this is an artifact, no image", config.mediaType);
  }
  const layers = fields.objects("layers", limits.layers).map(parseDescriptor);
  for (const layer of layers) checkLayer(layer);
  const total = layers.reduce((sum, layer) => sum + layer.size, config.size);
  if (!Number.isSafeInteger(total)) throw fields.refuse("layers", "sizes whose sum is a safe number", total);
  return { kind: "manifest", mediaType, config, layers };
}

function checkLayer({ mediaType, digest }: Descriptor): void {
  if (isLayerType(mediaType)) return;
  const why = isForeignLayerType(mediaType)
    ? "is not distributable: it lies outside of registries, and crib fetches from registries only"
    : "is of no type that can be unpacked";
  throw new StatusError(Code.Unimplemented, `${doing}: layer "${digest}" of type ${showValue(mediaType)} ${why}`);
}

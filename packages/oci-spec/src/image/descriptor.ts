import { isDigest } from "./digest.ts";
import type { JsonFields } from "./json-fields.ts";
import type { Descriptor } from "./types.ts";

/** Reads a content descriptor. `urls`, `data` and `artifactType` are ignored. InvalidArgument. */
export function parseDescriptor(fields: JsonFields): Descriptor {
  const mediaType = fields.string("mediaType");
  const digest = fields.string("digest");
  if (!isDigest(digest)) throw fields.refuse("digest", "a sha256 or sha512 digest");
  const size = fields.size("size");
  const platform = parsePlatform(fields.optionalObject("platform"));
  const annotations = fields.has("annotations") ? toRecord(fields.stringMap("annotations")) : undefined;
  return { mediaType, digest, size, ...(annotations && { annotations }), ...(platform && { platform }) };
}

/** Without a prototype, so that no name (`__proto__`) means anything. */
function toRecord(map: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  const record = Object.create(null) as Record<string, string>;
  for (const [name, value] of map) record[name] = value;
  return record;
}

function parsePlatform(fields: JsonFields | undefined): Descriptor["platform"] {
  if (fields === undefined) return undefined;
  const os = fields.optionalString("os");
  const architecture = fields.optionalString("architecture");
  const variant = fields.optionalString("variant");
  // Some tools write an object of empty texts where they know no platform.
  return os === "" && architecture === "" ? undefined : { os, architecture, ...(variant !== "" && { variant }) };
}

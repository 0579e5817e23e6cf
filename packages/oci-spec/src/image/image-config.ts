import { isDigest } from "./digest.ts";
import { JsonFields } from "./json-fields.ts";
import type { Digest, ImageConfig } from "./types.ts";

/** What a configuration may be at most. Real images never meet the defaults. */
export interface ImageConfigLimits {
  /** Bytes of the document. Default 8 MiB. */
  readonly bytes: number;
  /** Default 512. */
  readonly layers: number;
}

const defaults: ImageConfigLimits = { bytes: 8 << 20, layers: 512 };

/**
 * Reads the configuration of an OCI or Docker image. What real images leave out or write as null is empty, also the whole
 * `config`; `os` is then `linux`, the architecture empty. InvalidArgument for wrong types, for diff ids that are no digests
 * or more than `limits.layers`, and for NUL characters in what becomes arguments, variables or paths; ResourceExhausted above
 * `limits.bytes` or 100,000 values. History is not read.
 */
export function parseImageConfig(bytes: Uint8Array, limits: Partial<ImageConfigLimits> = {}): ImageConfig {
  const resolved = { ...defaults, ...limits };
  const fields = JsonFields.parse(bytes, resolved.bytes, "reading the image configuration");
  const config = fields.optionalObject("config") ?? fields.empty("config");
  const created = fields.optionalString("created");
  const author = fields.optionalString("author");
  return {
    platform: {
      os: fields.optionalString("os") || "linux",
      architecture: fields.optionalString("architecture"),
      variant: fields.optionalString("variant"),
    },
    ...(created !== "" && { created }),
    ...(author !== "" && { author }),
    user: textWithoutNul(config, "User"),
    env: textsWithoutNul(config, "Env", config.strings("Env")),
    entrypoint: textsWithoutNul(config, "Entrypoint", config.strings("Entrypoint")),
    cmd: textsWithoutNul(config, "Cmd", config.strings("Cmd")),
    workingDir: textWithoutNul(config, "WorkingDir"),
    labels: config.stringMap("Labels"),
    volumes: textsWithoutNul(config, "Volumes", config.keys("Volumes")),
    exposedPorts: config.keys("ExposedPorts"),
    stopSignal: textWithoutNul(config, "StopSignal"),
    diffIds: parseDiffIds(fields.object("rootfs"), resolved.layers),
  };
}

function textWithoutNul(fields: JsonFields, key: string): string {
  const text = fields.optionalString(key);
  if (text.includes("\0")) throw fields.refuse(key, "a text without NUL");
  return text;
}

function textsWithoutNul(fields: JsonFields, key: string, texts: readonly string[]): readonly string[] {
  const bad = texts.findIndex((text) => text.includes("\0"));
  if (bad !== -1) throw fields.refuse(`${key}[${bad}]`, "a text without NUL", texts[bad]);
  return texts;
}

/** An image without layers has no `diff_ids` at all. */
function parseDiffIds(rootfs: JsonFields, limit: number): readonly Digest[] {
  if (rootfs.has("type") && rootfs.get("type") !== "layers") throw rootfs.refuse("type", '"layers"');
  const texts = rootfs.strings("diff_ids");
  if (texts.length > limit) throw rootfs.refuse("diff_ids", `a list of at most ${limit}`);
  return texts.map((text, index) => {
    if (!isDigest(text)) throw rootfs.refuse(`diff_ids[${index}]`, "a sha256 or sha512 digest", text);
    return text;
  });
}

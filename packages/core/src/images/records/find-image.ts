import { hasCode, Code } from "@crib/errdefs";
import { type Digest, digestReference, formatReference, isDigest, parseReference, tagReference } from "@crib/oci-spec";

import type { Image, ImageRecord } from "../types.ts";
import type { ImageStore } from "./image-store.ts";

/** Shorter beginnings of ids are too likely to be something else. */
const prefixDigits = 12;

/** The image by a reference in any form, its id, a digest that leads to it, or a unique beginning of its id. */
export function findImage(images: ImageStore, name: string): ImageRecord | undefined {
  const digest = isDigest(name) ? name : isDigest(`sha256:${name}`) ? (`sha256:${name}` as Digest) : undefined;
  if (digest !== undefined) return findReady(images, digest) ?? findByTarget(images, digest);
  return findByReference(images, name) ?? findByPrefix(images, name);
}

/** The image with its names. */
export function viewImage(images: ImageStore, record: ImageRecord): Image {
  const names = images
    .namesOf(record.id)
    .map(({ name }) => name)
    .toSorted();
  return {
    ...record,
    repoTags: names.filter((name) => !name.includes("@")),
    repoDigests: names.filter((name) => name.includes("@")),
  };
}

function findReady(images: ImageStore, id: Digest): ImageRecord | undefined {
  const record = images.find(id);
  return record?.state === "ready" ? record : undefined;
}

function findByTarget(images: ImageStore, target: Digest): ImageRecord | undefined {
  return images.list().find((record) => record.state === "ready" && record.targets.includes(target));
}

function findByReference(images: ImageStore, text: string): ImageRecord | undefined {
  let reference: ReturnType<typeof parseReference>;
  try {
    reference = parseReference(text);
  } catch (reason) {
    if (hasCode(reason, Code.InvalidArgument)) return undefined;
    throw reason;
  }
  const name =
    reference.digest === undefined
      ? (tagReference(reference) ?? formatReference(reference))
      : digestReference(reference, reference.digest);
  const found = images.findName(name);
  return found && findReady(images, found.imageId);
}

function findByPrefix(images: ImageStore, text: string): ImageRecord | undefined {
  const digits = text.startsWith("sha256:") || text.startsWith("sha512:") ? text.slice(7) : text;
  if (digits.length < prefixDigits || !/^[0-9a-f]+$/.test(digits)) return undefined;
  const found = images
    .list()
    .filter(({ id, state }) => state === "ready" && (text === digits ? id.slice(7) : id).startsWith(text));
  return found.length === 1 ? found[0] : undefined;
}

import { createHash } from "node:crypto";

import { Code, StatusError } from "@crib/errdefs";

import { showValue } from "./show-value.ts";
import type { Digest } from "./types.ts";

/** The hash functions that digests may name. */
export type DigestAlgorithm = "sha256" | "sha512";

const form = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Whether a text is a digest in the one form that is allowed, and thus fit to be part of a path or a URL. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && form.test(text);
}

/** Reads a digest (OCI image specification, "Digests"). InvalidArgument for other algorithms, upper case and wrong lengths. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new StatusError(
    Code.InvalidArgument,
    `reading digest ${showValue(text)}: expected "sha256:" with 64 or "sha512:" with 128 lower-case hexadecimal digits`,
  );
}

/** Hashes bytes at once, on this thread: for documents, not for layers. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/** The hash function of a digest, as `node:crypto` names it. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** The hexadecimal digits of a digest. */
export function digestHex(digest: Digest): string {
  return digest.slice("sha256:".length);
}

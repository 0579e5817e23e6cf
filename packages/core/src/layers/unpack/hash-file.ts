import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";

import { StatusError } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

const chunkBytes = 1 << 18;

/** Hashes a file. Gives control back between pieces. NotFound. */
export function* hashFile(
  path: string,
  algorithm: "sha256" | "sha512",
): Generator<void, { readonly digest: Digest; readonly size: number }> {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    const hash = createHash(algorithm);
    const buffer = Buffer.allocUnsafeSlow(chunkBytes);
    let size = 0;
    for (let bytes = 1; bytes > 0; yield) {
      bytes = readSync(fd, buffer, 0, chunkBytes, size);
      hash.update(buffer.subarray(0, bytes));
      size += bytes;
    }
    return { digest: `${algorithm}:${hash.digest("hex")}`, size };
  } catch (error) {
    throw StatusError.from(error, `hashing "${path}"`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

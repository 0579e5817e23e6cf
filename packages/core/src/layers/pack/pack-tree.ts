import { closeSync, constants, openSync, unlinkSync, writeSync } from "node:fs";

import { StatusError } from "@crib/errdefs";

import type { IdMappings } from "../../snapshots/types.ts";
import { tarPieces } from "./tar-pieces.ts";

/** Small pieces are written together. */
const bufferBytes = 1 << 18;

/**
 * Writes a directory in overlayfs form as an uncompressed OCI layer to `target`, a new file with mode 0600 in a trusted directory, which is
 * removed on failure. Gives its size, and control back now and then. AlreadyExists; errors of `tarPieces`.
 */
export function* packTree(path: string, mappings: IdMappings | undefined, target: string): Generator<void, number> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  let isComplete = false;
  try {
    const fd = openSync(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      const size = yield* writePieces(fd, tarPieces(path, mappings));
      isComplete = true;
      return size;
    } finally {
      closeSync(fd);
      if (!isComplete) unlinkSync(target);
    }
  } catch (reason) {
    throw StatusError.from(reason, `packing tree "${path}"`);
  }
}

function* writePieces(fd: number, pieces: Iterable<Buffer>): Generator<void, number> {
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  let held = 0;
  let total = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const taken = piece.copy(buffer, held, at);
      at += taken;
      held += taken;
      if (held < buffer.length) continue;
      writeAll(fd, buffer);
      held = 0;
    }
    total += piece.length;
    yield;
  }
  writeAll(fd, buffer.subarray(0, held));
  return total;
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

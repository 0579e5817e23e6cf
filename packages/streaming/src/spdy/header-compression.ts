import { constants, inflateRawSync } from "node:zlib";

import { Code, StatusError } from "@crib/errdefs";

import { headerDictionary } from "./header-dictionary.ts";

/** Bytes that one header block may inflate to. */
const maxInflatedBytes = 16 * 1024;

/** How far back deflate may refer. */
const windowBytes = 32 * 1024;

const zlibHeaderBytes = 2;
const dictionaryIdBytes = 4;
const usesDictionary = 0x20;
const deflateMethod = 8;

/**
 * Inflates the header blocks of one direction of a connection, which share one zlib stream. Since every block ends in a flush, and so at a
 * whole byte, each is inflated by itself with what came before as its dictionary: nothing is kept but the last 32 KiB, no handle has to be
 * closed, and `maxOutputLength` stops a bomb before its output exists.
 */
export class HeaderInflater {
  #history: Buffer | undefined;

  /** InvalidArgument for what is no zlib stream or inflates to more than 16 KiB; the connection cannot be used afterwards. */
  inflate(block: Buffer): Buffer {
    let deflated = block;
    if (this.#history === undefined) {
      const start = readStart(block);
      this.#history = start.history;
      deflated = block.subarray(start.bytes);
    }
    const inflated = inflateBlock(deflated, this.#history);
    this.#history = Buffer.concat([this.#history, inflated]).subarray(-windowBytes);
    return inflated;
  }
}

function readStart(block: Buffer): { readonly history: Buffer; readonly bytes: number } {
  if (block.length < zlibHeaderBytes || (block[0]! & 0x0f) !== deflateMethod || block.readUInt16BE() % 31 !== 0) {
    throw new StatusError(Code.InvalidArgument, "inflating a header block: it does not start as zlib does");
  }
  if ((block[1]! & usesDictionary) === 0) return { history: Buffer.alloc(0), bytes: zlibHeaderBytes };
  return { history: headerDictionary, bytes: zlibHeaderBytes + dictionaryIdBytes };
}

function inflateBlock(deflated: Buffer, dictionary: Buffer): Buffer {
  try {
    return inflateRawSync(deflated, {
      ...(dictionary.length > 0 && { dictionary }),
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: maxInflatedBytes,
      chunkSize: 1024,
    });
  } catch (error) {
    throw new StatusError(Code.InvalidArgument, `inflating a header block: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** The header of a zlib stream without a dictionary: deflate, window of 32 KiB. */
const zlibStart = Buffer.from([0x78, 0x01]);

/** A stored block of no bytes: what a flush writes, and what makes readers give out what came before. */
const flush = Buffer.from([0, 0, 0, 0xff, 0xff]);

/**
 * Wraps header blocks as one zlib stream that stores them as they are (RFC 1951, section 3.2.4): all that is ever sent are empty replies and a
 * few short names, so compressing them is not worth a compressor's memory per connection.
 */
export class HeaderStore {
  #started = false;

  wrap(block: Buffer): Buffer {
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(block.length, 1);
    stored.writeUInt16LE(~block.length & 0xffff, 3);
    const parts = this.#started ? [stored, block, flush] : [zlibStart, stored, block, flush];
    this.#started = true;
    return Buffer.concat(parts);
  }
}

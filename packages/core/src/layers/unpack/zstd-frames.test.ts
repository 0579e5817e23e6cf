import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { constants, zstdCompressSync } from "node:zlib";

import { ZstdFrames } from "./zstd-frames.ts";

const noise = Buffer.from(Array.from({ length: 400_000 }, (_, index) => (index * index * 7919) >> 9));

/** Where a reader of chunks of that size sees frames end. */
function ends(stream: Buffer, chunkBytes: number): readonly number[] {
  const frames = new ZstdFrames();
  const found: number[] = [];
  let isWithin = false;
  for (let start = 0; start < stream.length; start += chunkBytes) {
    const chunk = stream.subarray(start, start + chunkBytes);
    for (let at = 0; at < chunk.length;) {
      at = frames.endOfFrame(chunk, at);
      isWithin = frames.isWithin;
      if (!isWithin) found.push(start + at);
    }
  }
  return found;
}

function skippable(bytes: number): Buffer {
  const frame = Buffer.alloc(8 + bytes);
  frame.writeUInt32LE(0x184d2a57);
  frame.writeUInt32LE(bytes, 4);
  return frame;
}

test("frames of every kind end where they do, however the stream is cut", () => {
  const checksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
  const frames = [
    zstdCompressSync(noise),
    skippable(0),
    zstdCompressSync(Buffer.alloc(0)),
    zstdCompressSync(Buffer.from("a")),
    zstdCompressSync(Buffer.alloc(300, 1), checksum),
    zstdCompressSync(Buffer.alloc(2_000_000)),
    skippable(300),
    zstdCompressSync(noise.subarray(0, 70_000), checksum),
  ];
  const expected: number[] = [];
  let at = 0;
  for (const frame of frames) expected.push((at += frame.length));
  const stream = Buffer.concat(frames);
  for (const chunkBytes of [stream.length, 1, 2, 3, 5, 7, 1000, 65_536]) deepEqual(ends(stream, chunkBytes), expected);
});

test("windows are known from the header", () => {
  const windowOf = (frame: Buffer): number => {
    const frames = new ZstdFrames();
    frames.endOfFrame(frame, 0);
    return frames.windowBytes;
  };
  // A window descriptor of exponent and mantissa, then a size of content of one, two, four and eight bytes.
  const frame = (...header: readonly number[]): Buffer => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...header, 1, 0, 0]);
  equal(windowOf(frame(0x00, (15 << 3) | 0)), 32 << 20);
  equal(windowOf(frame(0x00, (10 << 3) | 4)), 1.5 * (1 << 20));
  equal(windowOf(frame(0x20, 200)), 200);
  equal(windowOf(frame(0x60, 1, 1)), 257 + 256);
  equal(windowOf(frame(0xa0, 0, 0, 0, 4)), 64 << 20);
  equal(windowOf(frame(0xe0, 0, 0, 0, 0, 1, 0, 0, 0)), 2 ** 32);
  equal(windowOf(frame(0x21, 9, 77)), 77);
});

test("what is no frame goes to the decompressor as it is", () => {
  equal(new ZstdFrames().endOfFrame(Buffer.from("no frame at all"), 0), 15);
});

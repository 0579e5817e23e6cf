import { createHash } from "node:crypto";
import { constants, crc32, deflateRawSync } from "node:zlib";

import { layerOfBlob, type TestLayer } from "./layer.ts";
import { tarHeader } from "./tar-header.ts";

const mebibyte = 1 << 20;
const endBytes = 1024;

/** A layer whose one file is so many MiB of zeros; a thousandth of that as gzip, a thirty-thousandth as zstd. */
export function bombLayer(name: string, mebibytes: number, compression: "gzip" | "zstd" = "gzip"): TestLayer {
  const header = tarHeader({
    name: Buffer.from(name),
    typeFlag: "0",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: mebibytes * mebibyte,
    mtime: 0,
  });
  const archive = createHash("sha256").update(header);
  const zeros = Buffer.alloc(mebibyte);
  for (let at = 0; at < mebibytes; at++) archive.update(zeros);
  const diffId = `sha256:${archive.update(Buffer.alloc(endBytes)).digest("hex")}`;
  const blob = compression === "gzip" ? gzipBomb(header, mebibytes) : zstdBomb(header, mebibytes);
  return layerOfBlob(blob, diffId, compression);
}

/** A zstd frame (RFC 8878) that wants a window of 2^`windowLog` bytes, with a header and zeros in it. */
export function zstdBomb(header: Buffer, mebibytes: number, windowLog = 20): Buffer {
  const block = (isLast: boolean, type: 0 | 1, size: number): Buffer => {
    const bytes = Buffer.alloc(3);
    bytes.writeUIntLE((isLast ? 1 : 0) | (type << 1) | (size << 3), 0, 3);
    return bytes;
  };
  const run = Buffer.concat([block(false, 1, 1 << 17), Buffer.alloc(1)]);
  return Buffer.concat([
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3]),
    block(false, 0, header.length),
    header,
    ...Array.from({ length: mebibytes * 8 }, () => run),
    block(true, 1, endBytes),
    Buffer.alloc(1),
  ]);
}

/** One deflate stream: a full flush ends on a byte and refers to nothing before it, so the same piece may follow itself. */
function gzipBomb(header: Buffer, mebibytes: number): Buffer {
  const flushed = { finishFlush: constants.Z_FULL_FLUSH, level: 9 };
  const zeros = Buffer.alloc(mebibyte);
  const piece = deflateRawSync(zeros, flushed);
  const end = Buffer.alloc(endBytes);
  let check = crc32(header);
  for (let at = 0; at < mebibytes; at++) check = crc32(zeros, check);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(end, check));
  trailer.writeUInt32LE((header.length + mebibytes * mebibyte + endBytes) % 2 ** 32, 4);
  return Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
    deflateRawSync(header, flushed),
    ...Array.from({ length: mebibytes }, () => piece),
    deflateRawSync(end),
    trailer,
  ]);
}

import { readTree, type TreeEntry } from "@crib/linux";

import { type TarHeader, tarEnd, tarHeader, tarPadding } from "../../images/archive/tar-header.ts";
import type { IdMappings, IdRange } from "../../snapshots/types.ts";

const blockBytes = 512;
/** What marks removed files in an archive: a file of a container with such a name would remove others. */
const reservedName = /(?:^|\/)\.wh\./;

/**
 * A directory in overlayfs form as an OCI layer, an uncompressed archive in pieces: whiteouts are `.wh.NAME`, opaque directories have
 * `.wh..wh..opq`, holes stay holes (GNU sparse 1.0), extended attributes are PAX records. Sockets and files with reserved names are left out. Ids
 * are those inside the user namespace of `mappings`, where it has them. A piece is valid until the next one. Errors of `readTree`.
 */
export function* tarPieces(path: string, mappings?: IdMappings): Generator<Buffer, void> {
  let padding: Buffer = Buffer.alloc(0);
  let isLeftOut = false;
  for (const piece of readTree(path)) {
    if (piece.kind === "data") {
      if (!isLeftOut) yield piece.bytes;
      continue;
    }
    yield padding;
    const map = piece.regions && sparseMap(piece.regions, piece.size);
    const size = map ? map.length + dataBytes(piece) : piece.size;
    const header = entryHeader(piece, size, mappings);
    isLeftOut = header === undefined;
    padding = isLeftOut ? Buffer.alloc(0) : tarPadding(size);
    if (header === undefined) continue;
    yield tarHeader(header);
    if (map) yield map;
    if (piece.isOpaque) yield tarHeader({ name: below(piece.path, ".wh..wh..opq"), type: "file", mode: 0 });
  }
  yield padding;
  yield tarEnd();
}

/** Undefined for what does not go into an archive. */
function entryHeader(entry: TreeEntry, size: number, mappings: IdMappings | undefined): TarHeader | undefined {
  const { path, type, metadata, target, device, regions } = entry;
  if (type === "socket" || reservedName.test(path.toString("latin1"))) return undefined;
  if (type === "whiteout") return { name: hidden(path), type: "file", mode: 0 };
  const xattrs = metadata.xattrs.map(
    ({ name, value }) => [`SCHILY.xattr.${Buffer.from(name).toString()}`, Buffer.from(value)] as const,
  );
  const sparse = regions
    ? [
        ["GNU.sparse.major", "1"] as const,
        ["GNU.sparse.minor", "0"] as const,
        ["GNU.sparse.name", path] as const,
        ["GNU.sparse.realsize", String(entry.size)] as const,
      ]
    : [];
  return {
    name: type === "directory" ? below(path, "") : path,
    type,
    size,
    mode: metadata.mode,
    uid: insideId(metadata.uid, mappings?.uids),
    gid: insideId(metadata.gid, mappings?.gids),
    mtime: metadata.mtime,
    ...(target && { link: target }),
    ...(device && { device }),
    records: [...xattrs, ...sparse],
  };
}

/** `dir/name` for a directory's path; that of the root is `./`. */
function below(path: Buffer, name: string): Buffer {
  return path.length === 0 ? Buffer.from(`./${name}`) : Buffer.concat([path, Buffer.from(`/${name}`)]);
}

/** `.wh.` before the last part of a path. */
function hidden(path: Buffer): Buffer {
  const nameAt = path.lastIndexOf(0x2f) + 1;
  return Buffer.concat([path.subarray(0, nameAt), Buffer.from(".wh."), path.subarray(nameAt)]);
}

function insideId(id: number, ranges: readonly IdRange[] = []): number {
  const range = ranges.find(({ hostId, length }) => id >= hostId && id < hostId + length);
  return range ? id - range.hostId + range.containerId : id;
}

function dataBytes({ regions = new Float64Array() }: TreeEntry): number {
  return regions.reduce((sum, value, index) => (index % 2 === 1 ? sum + value : sum), 0);
}

/** Where a sparse file has data, as text before it: GNU tar, "PAX Format, Version 1.0". */
function sparseMap(regions: Float64Array, size: number): Buffer {
  const end = (regions.at(-2) ?? 0) + (regions.at(-1) ?? 0);
  const numbers = end < size ? [...regions, size, 0] : [...regions];
  const text = [numbers.length / 2, ...numbers].map((number) => `${number}\n`).join("");
  return Buffer.concat([Buffer.from(text), Buffer.alloc((blockBytes - (text.length % blockBytes)) % blockBytes)]);
}

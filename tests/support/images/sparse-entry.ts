import type { TarEntry } from "./tar-archive.ts";

/** A piece of a file that is no hole. */
export interface SparseRegion {
  readonly offset: number;
  readonly content: string;
}

const blockBytes = 512;

/** A file of `size` bytes that is a hole but for some regions (GNU tar's manual, "PAX Format, Version 1.0"): large, and of few bytes. */
export function sparseEntry(name: string, size: number, regions: readonly SparseRegion[]): TarEntry {
  const numbers = [regions.length, ...regions.flatMap(({ offset, content }) => [offset, Buffer.byteLength(content)])];
  const map = `${numbers.join("\n")}\n`;
  const padded = map.padEnd(Math.ceil(map.length / blockBytes) * blockBytes, "\0");
  const pax = {
    "GNU.sparse.major": "1",
    "GNU.sparse.minor": "0",
    "GNU.sparse.name": name,
    "GNU.sparse.realsize": `${size}`,
  };
  return { name, pax, content: padded + regions.map(({ content }) => content).join("") };
}

import { blockBytes } from "./header-block.ts";
import { parseNumber } from "./number-field.ts";
import { type PaxSparse, parseDecimal } from "./pax-records.ts";
import { badTar, tarLimit } from "./tar-error.ts";
import type { TarSparseMap } from "./types.ts";

/** Where GNU's old header has its four regions, and the extension blocks behind it their twenty-one. */
const oldRegions = { at: 386, count: 4, extendedAt: 482, sizeAt: 483 } as const;
const extensionRegions = { at: 0, count: 21, extendedAt: 504 } as const;
const newline = 0x0a;
const comma = 0x2c;

/** Checks a map against the bytes that the archive has for it. Regions ascend, do not overlap and lie within `size`. */
function checkedMap(size: number, numbers: readonly number[], dataBytes: number): TarSparseMap {
  if (numbers.length % 2 !== 0) throw badTar("a sparse map is incomplete");
  let at = 0;
  let total = 0;
  for (let index = 0; index < numbers.length; index += 2) {
    const offset = numbers[index] as number;
    const length = numbers[index + 1] as number;
    if (offset < at || length < 0 || length > size - offset) throw badTar("a sparse map is out of order");
    at = offset + length;
    total += length;
  }
  if (total !== dataBytes) throw badTar("a sparse map does not fit the data of its entry");
  return { size, regions: Float64Array.from(numbers) };
}

/** Reads the map of GNU's old sparse type, whose header may be continued in blocks of its own. */
export class OldSparseMap {
  readonly #numbers: number[] = [];
  readonly #size: number;
  readonly #limitBytes: number;
  #isExtended: boolean;

  constructor(header: Buffer, limitBytes: number) {
    this.#limitBytes = limitBytes;
    this.#size = parseNumber(header, oldRegions.sizeAt, 12, "the size of a sparse file");
    if (this.#size < 0) throw badTar("a sparse file has a negative size");
    this.#read(header, oldRegions.at, oldRegions.count);
    this.#isExtended = header[oldRegions.extendedAt] !== 0;
  }

  /** Whether another extension block follows. */
  get isExtended(): boolean {
    return this.#isExtended;
  }

  extend(block: Buffer): void {
    if ((this.#numbers.length / 2) * 24 > this.#limitBytes) throw tarLimit("a sparse map is too long");
    this.#read(block, extensionRegions.at, extensionRegions.count);
    this.#isExtended = block[extensionRegions.extendedAt] !== 0;
  }

  finish(dataBytes: number): TarSparseMap {
    return checkedMap(this.#size, this.#numbers, dataBytes);
  }

  #read(block: Buffer, start: number, count: number): void {
    for (let index = 0; index < count; index += 1) {
      const at = start + index * 24;
      // The first unused one ends the list.
      if (block[at] === 0) return;
      this.#numbers.push(parseNumber(block, at, 12, "a sparse map"), parseNumber(block, at + 12, 12, "a sparse map"));
    }
  }
}

/** The map of PAX versions 0.0 and 0.1, which is in the records. Undefined when there is none. */
export function paxSparseMap(sparse: PaxSparse, dataBytes: number): TarSparseMap | undefined {
  if (sparse.numbers === undefined && sparse.map === undefined) return undefined;
  const numbers = sparse.map === undefined ? (sparse.numbers ?? []) : parseNumbers(sparse.map);
  if (sparse.realSize === undefined) throw badTar("a sparse file has no size");
  return checkedMap(sparse.realSize, numbers, dataBytes);
}

function parseNumbers(map: Buffer): number[] {
  const numbers: number[] = [];
  for (let at = 0; at <= map.length;) {
    const found = map.indexOf(comma, at);
    const end = found < 0 ? map.length : found;
    numbers.push(parseDecimal(map.subarray(at, end), "a sparse map"));
    at = end + 1;
  }
  return numbers;
}

/**
 * Reads the map of PAX version 1.0, which stands in front of the data: lines of one decimal number, the first the count of
 * regions, padded to a block.
 */
export class LeadingSparseMap {
  readonly #size: number;
  readonly #limitBytes: number;
  readonly #numbers: number[] = [];
  #count: number | undefined;
  #bytes = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(size: number, limitBytes: number) {
    this.#size = size;
    this.#limitBytes = limitBytes;
  }

  /** Takes the next block; gives whether the map is complete. */
  extend(block: Buffer): boolean {
    this.#bytes += blockBytes;
    if (this.#bytes > this.#limitBytes) throw tarLimit("a sparse map is too long");
    const data = Buffer.concat([this.#rest, block]);
    let at = 0;
    for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, at)) {
      this.#take(parseDecimal(data.subarray(at, end), "a sparse map"));
      at = end + 1;
      if (this.#numbers.length === (this.#count ?? -1) * 2) return true;
    }
    this.#rest = data.subarray(at);
    // A number has no more digits than that, so this is none.
    if (this.#rest.length > 32) throw badTar("a sparse map is no list of numbers");
    return false;
  }

  finish(dataBytes: number): TarSparseMap {
    return checkedMap(this.#size, this.#numbers, dataBytes - this.#bytes);
  }

  /** Bytes of data that the map took. */
  get bytes(): number {
    return this.#bytes;
  }

  #take(number: number): void {
    if (this.#count !== undefined) return void this.#numbers.push(number);
    // Each region takes four bytes at least: a larger count cannot be followed by its regions.
    if (number > this.#limitBytes / 4) throw tarLimit("a sparse map is too long");
    this.#count = number;
  }
}

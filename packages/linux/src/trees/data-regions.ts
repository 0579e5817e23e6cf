import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { check } from "../libc/errno-error.ts";
import { seekContent } from "./tree-calls.ts";

const { EINVAL, ENXIO } = constants.errno;
/** Somebody may have made a file of nothing but small pieces. */
const maximumRegions = 1_000_000;

/**
 * Where a file has data: pairs of offset and length, ascending, as `SparseContent` takes them. A file system that does not
 * tell says that all is data. ResourceExhausted for a file in too many pieces.
 */
export function dataRegions(fd: number, size: number): Float64Array {
  const regions: number[] = [];
  for (let at = 0; at < size;) {
    const start = seekContent(fd, at, "data");
    if (start === -ENXIO) break;
    if (start === -EINVAL) return Float64Array.of(0, size);
    check(start, "looking for the data of a file");
    const end = Math.min(size, check(seekContent(fd, start, "hole"), "looking for a hole of a file"));
    if (start >= size || end <= start) break;
    regions.push(start, end - start);
    if (regions.length > 2 * maximumRegions) {
      throw new StatusError(Code.ResourceExhausted, `copying a file: it is in more than ${maximumRegions} pieces`);
    }
    at = end;
  }
  return Float64Array.from(regions);
}

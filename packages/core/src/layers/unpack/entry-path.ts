import { badTar, quoteName } from "../tar/index.ts";

const slash = 0x2f;
const dot = 0x2e;

function isSpecial(path: Buffer, start: number, end: number): boolean {
  const length = end - start;
  return length === 0 || (path[start] === dot && (length === 1 || (length === 2 && path[start + 1] === dot)));
}

/** The same path without empty names and dots. */
function rebuild(path: Buffer, doing: string): Buffer {
  const parts: Buffer[] = [];
  for (let start = 0; start <= path.length;) {
    const found = path.indexOf(slash, start);
    const end = found < 0 ? path.length : found;
    if (!isSpecial(path, start, end)) parts.push(Buffer.of(slash), path.subarray(start, end));
    else if (end - start === 2) throw badTar(`${doing} ${quoteName(path)} has ".."`);
    start = end + 1;
  }
  return Buffer.concat(parts.slice(1));
}

/**
 * A path of an archive as one below the root of its layer: without slashes at its ends, empty names and dots; empty for the root itself.
 * Bytes are taken as they are. Paths with `..` are refused: builders write none, and "a/../b" is b only if a is no link.
 * InvalidArgument for that, for a NUL and above `limitBytes`.
 */
export function entryPath(path: Buffer, limitBytes: number, doing = "the path"): Buffer {
  if (path.length > limitBytes)
    throw badTar(`${doing} ${quoteName(path)} has ${path.length} bytes, more than ${limitBytes}`);
  let start = 0;
  let end = path.length;
  while (path[start] === slash || (path[start] === dot && path[start + 1] === slash)) start += 1;
  while (end > start && path[end - 1] === slash) end -= 1;
  let nameStart = start;
  for (let at = start; at <= end; at += 1) {
    if (at < end && path[at] !== slash) continue;
    if (isSpecial(path, nameStart, at)) return start === end ? path.subarray(0, 0) : rebuild(path, doing);
    nameStart = at + 1;
  }
  return path.subarray(start, end);
}

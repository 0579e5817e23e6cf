import { fill, makeRandom } from "./filler.ts";
import type { LayerRecipe } from "./recipes.ts";

/** Bytes of a block of tar (POSIX.1-1988, ustar). */
const blockBytes = 512;

/** Bytes of most chunks. */
const chunkBytes = 256 * 1024;

/** One entry of the archive. */
type Entry =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly size: number }
  | { readonly kind: "symlink" | "hard link"; readonly path: string; readonly target: string };

const typeFlags = { file: "0", "hard link": "1", symlink: "2", directory: "5" } as const;

/** 2026-01-01, of all entries. */
const modifiedSeconds = 1_767_225_600;

/** The layer's tar archive, piece by piece; pieces are never reused. */
export function* layerArchive(recipe: LayerRecipe): Generator<Buffer> {
  const random = makeRandom(recipe.seed);
  let chunk = Buffer.alloc(chunkBytes);
  let used = 0;
  for (const entry of entriesOf(recipe, random)) {
    if (used + blockBytes > chunk.length) {
      yield chunk.subarray(0, used);
      chunk = Buffer.alloc(chunkBytes);
      used = 0;
    }
    writeHeader(chunk.subarray(used, used + blockBytes), entry);
    used += blockBytes;
    let left = entry.kind === "file" ? entry.size : 0;
    while (left > 0) {
      if (used === chunk.length) {
        yield chunk;
        chunk = Buffer.alloc(chunkBytes);
        used = 0;
      }
      const length = Math.min(left, chunk.length - used);
      fill(chunk.subarray(used, used + length), random);
      left -= length;
      used += left > 0 ? length : Math.ceil(length / blockBytes) * blockBytes;
    }
  }
  yield chunk.subarray(0, used);
  yield Buffer.alloc(2 * blockBytes);
}

function* entriesOf(recipe: LayerRecipe, random: () => number): Generator<Entry> {
  const sizes = sizesOf(recipe, random);
  const directories = directoriesOf(recipe.directories);
  const perDirectory = Math.ceil(recipe.files / directories.length);
  const paths: string[] = [];
  for (const directory of directories) {
    yield { kind: "directory", path: `${directory}/` };
    for (let index = 0; index < perDirectory && paths.length < recipe.files; index++) {
      const path = `${directory}/file-${recipe.seed}-${paths.length}`;
      yield { kind: "file", path, size: sizes[paths.length] ?? 0 };
      paths.push(path);
    }
  }
  for (const kind of ["symlink", "hard link"] as const) {
    const count = (kind === "symlink" ? recipe.symlinks : recipe.hardLinks) ?? 0;
    for (let index = 0; index < count; index++) {
      const target = paths[index % paths.length] ?? "";
      yield {
        kind,
        path: `usr/${kind.at(0)}link-${recipe.seed}-${index}`,
        target: kind === "symlink" ? `/${target}` : target,
      };
    }
  }
}

/** A tree with eight directories in each, parents before children. */
function directoriesOf(count: number): readonly string[] {
  const paths = ["usr"];
  for (let index = 1; index < count; index++) paths.push(`${paths[(index - 1) >> 3]}/d${index}`);
  return paths.toSorted();
}

function sizesOf({ files, bytes, smallest = 0, skew }: LayerRecipe, random: () => number): readonly number[] {
  const shares = Array.from({ length: files }, () => (random() / 2 ** 32) ** skew);
  const scale = (bytes - smallest * files) / shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => smallest + Math.floor(share * scale));
}

function writeHeader(block: Buffer, entry: Entry): void {
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  block.write(entry.path, 0, 100);
  block.write(octal(entry.kind === "directory" ? 0o755 : 0o644, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(entry.kind === "file" ? entry.size : 0, 11), 124);
  block.write(octal(modifiedSeconds, 11), 136);
  block.fill(" ", 148, 156);
  block.write(typeFlags[entry.kind], 156);
  if ("target" in entry) block.write(entry.target, 157, 100);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)} `, 148);
}

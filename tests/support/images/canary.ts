import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** A tree of the host outside of every store, with files that hostile layers aim at. */
export interface Canary {
  readonly dir: string;
  /** A file in it. */
  readonly file: string;
  /** A directory with files in it, one of them named `victim`. */
  readonly subdir: string;
  /** What is there now and was not when it was placed (`+`), and what is gone (`-`). Empty when nothing was touched. */
  changes(): readonly string[];
}

/** Places one at a path that does not exist. */
export function placeCanary(dir: string): Canary {
  const file = join(dir, "passwd");
  const subdir = join(dir, "etc");
  mkdirSync(subdir, { recursive: true });
  writeFileSync(file, "root:x:0:0\n");
  writeFileSync(join(subdir, "victim"), "unharmed\n");
  writeFileSync(join(subdir, "secret"), "nobody may read this\n");
  symlinkSync("victim", join(subdir, "link"));
  chownSync(join(subdir, "secret"), 12, 34);
  chmodSync(join(subdir, "secret"), 0o600);
  chmodSync(file, 0o644);
  chmodSync(subdir, 0o750);
  for (const path of [file, join(subdir, "victim"), join(subdir, "secret"), subdir, dir]) utimesSync(path, 1e9, 1e9);
  const before = new Set(lines(dir));
  return {
    dir,
    file,
    subdir,
    changes(): readonly string[] {
      const after = new Set(lines(dir));
      return [
        ...[...after.difference(before)].map((line) => `+ ${line}`),
        ...[...before.difference(after)].map((line) => `- ${line}`),
      ];
    },
  };
}

/** Each file with all that a write, chmod, chown, link, rename or touch would change. */
function lines(path: string): readonly string[] {
  const { ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
  const type = Number(mode) & 0o170000;
  const content = type === 0o100000 ? createHash("sha256").update(readFileSync(path)).digest("hex") : "";
  const target = type === 0o120000 ? readlinkSync(path) : "";
  const line = [path, ino, mode.toString(8), uid, gid, nlink, size, mtimeNs, ctimeNs, content, target].join(" ");
  return type === 0o040000 ? [line, ...readdirSync(path).flatMap((name) => lines(join(path, name)))] : [line];
}

import { spawn } from "node:child_process";
import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";

/** How a tree is to be listed. */
export interface ListTreeOptions {
  /** Leaves out the times of last change. Default false. */
  readonly withoutTimes?: boolean;
  /** Leaves out extended attributes whose name matches. Default: none. */
  readonly withoutXattrs?: RegExp;
}

/**
 * Everything below a directory and the directory itself, one line each: name, type, mode, owner, time with its fraction, target or
 * digest of the content, extended attributes. It is what GNU tar says of the tree in an archive of the PAX form, so that neither crib
 * nor this test decides what is there. Bytes of names that are no printable ASCII are escaped. Sorted.
 */
export async function listTree(dir: string, options: ListTreeOptions = {}): Promise<readonly string[]> {
  const how = ["--format=posix", "--sort=name", "--numeric-owner", "--xattrs", "--xattrs-include=*"];
  const child = spawn("tar", ["-C", dir, ...how, "--warning=no-file-ignored", "-cf", "-", "."], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: "C" },
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = once(child, "close") as Promise<[number | null]>;
  const lines: string[] = [];
  const reader = new ArchiveReader((line) => lines.push(line), options);
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) reader.take(chunk);
  const [code] = await ended;
  if (code !== 0) throw new Error(`listing ${dir}: tar ended with ${code}: ${errors}`);
  return lines.sort();
}

const blockBytes = 512;

/** The entry whose content comes now. */
interface Entry {
  readonly flag: string;
  readonly text: string;
  readonly hash: Hash;
  readonly records: Buffer[];
}

/** Reads the archives that GNU tar writes with `--format=posix`, and no others. */
class ArchiveReader {
  readonly #line: (line: string) => void;
  readonly #options: ListTreeOptions;
  #rest: Buffer = Buffer.alloc(0);
  #entry: Entry | undefined;
  #left = 0;
  #padding = 0;
  #pax = new Map<string, Buffer>();

  constructor(line: (line: string) => void, options: ListTreeOptions) {
    this.#line = line;
    this.#options = options;
  }

  take(chunk: Buffer): void {
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (;;) {
      if (this.#entry) {
        if (!this.#takeContent(this.#entry)) return;
      } else if (this.#rest.length < blockBytes) return;
      else this.#begin(this.#cut(blockBytes));
    }
  }

  #cut(bytes: number): Buffer {
    const cut = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    return cut;
  }

  #takeContent(entry: Entry): boolean {
    const content = this.#cut(Math.min(this.#left, this.#rest.length));
    this.#left -= content.length;
    if (entry.flag === "x") entry.records.push(Buffer.from(content));
    else entry.hash.update(content);
    if (this.#left > 0 || this.#rest.length < this.#padding) return false;
    this.#cut(this.#padding);
    if (entry.flag === "x") this.#pax = parsePax(Buffer.concat(entry.records));
    else {
      this.#line(entry.flag === "0" ? `${entry.text} ${entry.hash.digest("hex")}` : entry.text);
      this.#pax = new Map();
    }
    this.#entry = undefined;
    return true;
  }

  #begin(header: Buffer): void {
    if (header[0] === 0) return;
    const flag = String.fromCharCode(header[156] ?? 0);
    const field = (name: string, offset: number, length: number): string =>
      this.#pax.get(name)?.toString("latin1") ?? textOf(header, offset, length);
    const octal = (name: string, offset: number, length: number): string => {
      const given = this.#pax.get(name);
      return given ? given.toString() : `${Number.parseInt(textOf(header, offset, length), 8) || 0}`;
    };
    const size = flag === "x" ? Number.parseInt(textOf(header, 124, 12), 8) : Number(octal("size", 124, 12));
    const bytes = flag === "1" || flag === "2" ? 0 : size;
    this.#left = bytes;
    this.#padding = (blockBytes - (bytes % blockBytes)) % blockBytes;
    const prefix = this.#pax.has("path") ? "" : textOf(header, 345, 155);
    const name = `${prefix && `${prefix}/`}${field("path", 0, 100)}`;
    const mode = Number.parseInt(textOf(header, 100, 8), 8).toString(8);
    const device = flag === "3" || flag === "4" ? ` ${octal("", 329, 8)},${octal("", 337, 8)}` : "";
    const target = flag === "1" || flag === "2" ? ` -> ${escaped(field("linkpath", 157, 100))}` : "";
    const time = this.#options.withoutTimes ? "" : ` ${octal("mtime", 136, 12)}`;
    const what = `${flag} ${mode} ${octal("uid", 108, 8)}/${octal("gid", 116, 8)}${device}${time}${target}`;
    const text = `${escaped(name)} ${what}${this.#xattrs()}`;
    this.#entry = { flag, text, hash: createHash("sha256"), records: [] };
  }

  #xattrs(): string {
    return [...this.#pax]
      .filter(([key]) => key.startsWith("SCHILY.xattr.") && !this.#options.withoutXattrs?.test(key.slice(13)))
      .map(([key, value]) => ` ${key.slice(13)}=${value.toString("hex")}`)
      .sort()
      .join("");
  }
}

function parsePax(records: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (let at = 0; at < records.length;) {
    const space = records.indexOf(" ", at);
    const end = at + Number(records.toString("latin1", at, space));
    const equals = records.indexOf("=", space);
    found.set(records.toString("latin1", space + 1, equals), records.subarray(equals + 1, end - 1));
    at = end;
  }
  return found;
}

function textOf(header: Buffer, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString("latin1", 0, end < 0 ? length : end);
}

function escaped(name: string): string {
  return name.replaceAll(/[^\x21-\x7e]|\\/g, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

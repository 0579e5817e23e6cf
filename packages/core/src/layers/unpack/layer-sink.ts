import { TreeWriter } from "@crib/linux";

import { badTar, quoteName, type TarEntry, tarLimit, type TarSink } from "../tar/index.ts";
import type { LayerLimits, UnpackedLayer } from "../types.ts";
import { entryPath } from "./entry-path.ts";

const slash = 0x2f;
/** Bytes of names of links to layers below; real layers have none. */
const maximumLinkBytes = 16 << 20;
const whiteoutPrefix = Buffer.from(".wh.");
const metaPrefix = Buffer.from(".wh..wh.");
const opaqueMarker = Buffer.from(".wh..wh..opq");

function startsWith(path: Buffer, start: number, prefix: Buffer): boolean {
  if (path.length - start < prefix.length) return false;
  for (let at = 0; at < prefix.length; at += 1) if (path[start + at] !== prefix[at]) return false;
  return true;
}

/** Puts the entries of a layer's archive into a tree: OCI image specification, "Image Layer Filesystem Changeset". */
export class LayerSink implements TarSink, Disposable {
  readonly #writer: TreeWriter;
  readonly #limits: LayerLimits;
  /** By path, both as one character for each byte: the targets of hard links that are in no entry so far. */
  readonly #linksBelow = new Map<string, string>();
  #linkBytes = 0;
  #entries = 0;
  #isFileOpen = false;

  constructor(target: string, limits: LayerLimits) {
    this.#writer = new TreeWriter(target);
    this.#limits = limits;
  }

  [Symbol.dispose](): void {
    this.#writer[Symbol.dispose]();
  }

  entry(entry: TarEntry): void {
    this.#entries += 1;
    if (this.#entries > this.#limits.entries) throw tarLimit(`more than ${this.#limits.entries} entries`);
    const path = entryPath(entry.path, this.#limits.pathBytes);
    const nameStart = path.lastIndexOf(slash) + 1;
    // Those of aufs at the root, and what is in its directories.
    if (path[0] === 0x2e && startsWith(path, 0, metaPrefix) && !path.equals(opaqueMarker)) return;
    if (startsWith(path, nameStart, whiteoutPrefix)) this.#mark(path, nameStart);
    else if (path.length === 0 && entry.type !== "directory") throw badTar(`the root is a ${entry.type}`);
    else this.#write(path, entry);
  }

  data(chunk: Buffer, start: number, end: number): void {
    if (this.#isFileOpen) this.#writer.writeFile(chunk, start, end);
  }

  endOfFile(): void {
    if (this.#isFileOpen) this.#writer.endFile();
    this.#isFileOpen = false;
  }

  /** Completes the tree, when the archive has been read. */
  finish(): Pick<UnpackedLayer, "entries" | "impliedDirectories" | "linksBelow" | "hidesBelow"> {
    this.#writer.finish();
    const encode = (path: string): string => Buffer.from(path, "latin1").toString("base64");
    return {
      entries: this.#entries,
      impliedDirectories: [...this.#writer.impliedDirectories].map(encode),
      linksBelow: [...this.#linksBelow].map(([path, target]) => ({ path: encode(path), target: encode(target) })),
      ...(this.#writer.isRootOpaque ? { hidesBelow: true } : undefined),
    };
  }

  #mark(path: Buffer, nameStart: number): void {
    if (startsWith(path, nameStart, metaPrefix)) {
      const isOpaque = path.length - nameStart === opaqueMarker.length && startsWith(path, nameStart, opaqueMarker);
      if (isOpaque) this.#writer.opaque(path.subarray(0, Math.max(0, nameStart - 1)));
      return;
    }
    const hidden = path.subarray(nameStart + whiteoutPrefix.length);
    const isName = hidden.length > 0 && !(hidden[0] === 0x2e && (hidden.length === 1 || hidden.equals(dots)));
    if (!isName) throw badTar(`the whiteout ${quoteName(path)} names no file`);
    this.#writer.whiteout(Buffer.concat([path.subarray(0, nameStart), hidden]));
  }

  #write(path: Buffer, entry: TarEntry): void {
    const { deviceMajor: major, deviceMinor: minor } = entry;
    switch (entry.type) {
      case "file":
        this.#isFileOpen = true;
        return this.#writer.startFile(path, entry, entry.sparse);
      case "directory":
        return this.#writer.directory(path, entry);
      case "symlink":
        return this.#writer.symlink(path, entry.linkPath, entry);
      case "link":
        return this.#link(path, entryPath(entry.linkPath, this.#limits.pathBytes, "the link"));
      case "fifo":
        return this.#writer.special(path, { kind: "fifo" }, entry);
      case "character":
      case "block":
        return this.#writer.special(path, { kind: entry.type, major, minor }, entry);
    }
  }

  #link(path: Buffer, target: Buffer): void {
    if (target.length === 0) throw badTar(`the hard link ${quoteName(path)} leads to the root`);
    if (this.#writer.link(path, target)) return;
    const key = target.toString("latin1");
    this.#linkBytes += path.length + target.length;
    if (this.#linkBytes > maximumLinkBytes) throw tarLimit(`names of links of more than ${maximumLinkBytes} bytes`);
    // A link to what is a link below leads to the same file.
    this.#linksBelow.set(path.toString("latin1"), this.#linksBelow.get(key) ?? key);
  }
}

const dots = Buffer.from("..");

import { Code, StatusError } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

/** A file of an archive that the sink has. */
export interface StoredFile {
  readonly digest: Digest;
  readonly size: number;
  /** Its first bytes, at most four. */
  readonly head: Buffer;
}

type Node = { readonly kind: "file"; readonly file: StoredFile } | { readonly kind: "link"; readonly target: string };

/** Docker's own archives have links to files, not to links. */
const hopLimit = 8;

/**
 * A name of an archive in its one form, parts between single slashes. Names are only ever compared: none becomes a path on
 * disk. Undefined for one that leads out of the archive.
 */
export function normaliseName(name: string): string | undefined {
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}

/** What an archive holds: documents in memory, everything else by digest. */
export class ArchiveFiles {
  readonly #nodes = new Map<string, Node>();
  readonly #sizes = new Map<Digest, number>();
  readonly #documents = new Map<string, Buffer>();
  readonly #nameLimit: number;
  #nameBytes = 0;

  /** `nameLimit`: bytes of all names together. */
  constructor(nameLimit: number) {
    this.#nameLimit = nameLimit;
  }

  /** A later file of the same name takes the place of an earlier one, as when an archive is unpacked. ResourceExhausted. */
  addFile(name: string, file: StoredFile): void {
    this.#add(name, { kind: "file", file });
    this.#sizes.set(file.digest, file.size);
  }

  /** `target`: the normalised name that it leads to. ResourceExhausted. */
  addLink(name: string, target: string): void {
    this.#add(name, { kind: "link", target });
  }

  addDocument(name: string, bytes: Buffer): void {
    this.#documents.set(name, bytes);
  }

  document(name: string): Buffer | undefined {
    return this.#documents.get(name);
  }

  /** The size of a blob of the archive; undefined when it has none of this digest. */
  sizeOf(digest: Digest): number | undefined {
    return this.#sizes.get(digest);
  }

  /** The file of a name, links followed. Undefined when there is none, or only links that lead in a circle. */
  find(name: string): StoredFile | undefined {
    let at = normaliseName(name);
    for (let hop = 0; hop <= hopLimit && at !== undefined; hop += 1) {
      const node = this.#nodes.get(at);
      if (node?.kind !== "link") return node?.file;
      at = node.target;
    }
    return undefined;
  }

  #add(name: string, node: Node): void {
    this.#nameBytes += name.length + (node.kind === "link" ? node.target.length : 0);
    if (this.#nameBytes > this.#nameLimit) {
      throw new StatusError(
        Code.ResourceExhausted,
        `reading image archive: its names have more than ${this.#nameLimit} bytes`,
      );
    }
    this.#nodes.set(name, node);
  }
}

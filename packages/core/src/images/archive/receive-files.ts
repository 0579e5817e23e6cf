import { posix } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import { type Digest, isDigest } from "@crib/oci-spec";

import type { ArchiveEntry, ArchiveEvent } from "./archive-events.ts";
import { ArchiveFiles, normaliseName } from "./archive-files.ts";
import { BlobFile, type IncomingFile, MemoryFile, passedOver, storeBytes } from "./incoming-file.ts";
import type { ArchiveLimits, ArchiveSink } from "./types.ts";

/** What says which images there are. */
const documents = new Set(["oci-layout", "index.json", "manifest.json"]);
/** Files of unknown digest up to this size are hashed before they are handed over, so that the sink need not move them. */
const memoryBytes = 1 << 20;

/** The digest that a file's name in an OCI layout claims (OCI image layout specification, "Blobs"). */
function claimedDigest(name: string): Digest | undefined {
  const [folder, algorithm, hex, ...rest] = name.split("/");
  const digest = `${algorithm}:${hex}`;
  return folder === "blobs" && rest.length === 0 && isDigest(digest) ? digest : undefined;
}

/** Files of docker-archives that nobody reads any more. */
function isSuperfluous(name: string): boolean {
  return name === "repositories" || name.endsWith("/VERSION") || name.endsWith("/json");
}

/** Names from the root for hard links, from the link's own folder for symbolic ones. */
function linkTarget(entry: ArchiveEntry, name: string): string | undefined {
  if (entry.type === "link") return normaliseName(entry.link);
  return entry.link.startsWith("/") ? undefined : normaliseName(`${posix.dirname(name)}/${entry.link}`);
}

class Receiver {
  readonly files: ArchiveFiles;
  readonly #sink: ArchiveSink;
  readonly #limits: ArchiveLimits;
  #current: IncomingFile = passedOver;

  constructor(sink: ArchiveSink, limits: ArchiveLimits) {
    this.#sink = sink;
    this.#limits = limits;
    this.files = new ArchiveFiles(limits.nameBytes);
  }

  async take(event: ArchiveEvent): Promise<void> {
    switch (event.kind) {
      case "entry":
        this.#current = await this.#begin(event.entry);
        break;
      case "data":
        await this.#current.write(event.bytes);
        break;
      case "end": {
        const file = this.#current;
        this.#current = passedOver;
        await file.finish();
        break;
      }
    }
  }

  async abandon(): Promise<void> {
    await this.#current.abandon();
  }

  #begin(entry: ArchiveEntry): IncomingFile | Promise<IncomingFile> {
    const name = normaliseName(entry.name);
    if (name === undefined || name === "" || isSuperfluous(name)) return passedOver;
    if (entry.type === "file")
      return documents.has(name) ? this.#document(name, entry.size) : this.#file(name, entry.size);
    const target = linkTarget(entry, name);
    if (target !== undefined) this.files.addLink(name, target);
    return passedOver;
  }

  #document(name: string, size: number): IncomingFile {
    if (size > this.#limits.documentBytes) {
      throw new StatusError(
        Code.ResourceExhausted,
        `reading image archive: "${name}" has ${size} bytes, at most ${this.#limits.documentBytes} are read`,
      );
    }
    return new MemoryFile((bytes) => this.files.addDocument(name, bytes));
  }

  #file(name: string, size: number): IncomingFile | Promise<IncomingFile> {
    const digest = claimedDigest(name);
    if (digest === undefined && size <= memoryBytes) {
      return new MemoryFile(async (bytes) => this.files.addFile(name, await storeBytes(this.#sink, bytes)));
    }
    return BlobFile.open(this.#sink, size, digest, (file) => this.files.addFile(name, file));
  }
}

/** Hands all files of an archive to the sink. Errors: DataLoss (a digest is wrong), ResourceExhausted, the sink's. */
export async function receiveFiles(
  events: AsyncIterable<ArchiveEvent>,
  sink: ArchiveSink,
  limits: ArchiveLimits,
): Promise<ArchiveFiles> {
  const receiver = new Receiver(sink, limits);
  try {
    for await (const event of events) await receiver.take(event);
  } catch (error) {
    await receiver.abandon();
    throw error;
  }
  return receiver.files;
}

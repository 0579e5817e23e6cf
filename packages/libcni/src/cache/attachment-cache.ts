import { link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import { decodeEntry, encodeEntry, type CachedAttachment } from "./cache-entry.ts";

/** Names one attachment. */
export interface AttachmentKey {
  readonly networkName: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** What the cache has for a key. */
export type CacheState =
  | { readonly kind: "absent" }
  | { readonly kind: "found"; readonly entry: CachedAttachment }
  | { readonly kind: "unreadable"; readonly file: string; readonly error: StatusError };

/** A file of the cache. */
export type CachedFile = Exclude<CacheState, { kind: "absent" }>;

const temporary = ".tmp-";
const abandonedMs = 60_000;

/**
 * One file per attachment in `DIR/results`, in libcni's layout, mode 0600 in a directory of mode 0700. Files appear and
 * change atomically. They are not synced to disk: after a power cut no attachment is left but the leases of the IPAM plugin,
 * which the caller undoes from its own record.
 */
export class AttachmentCache {
  readonly dir: string;
  #prepared: Promise<void> | undefined;

  constructor(cacheDir: string) {
    this.dir = join(cacheDir, "results");
  }

  /** Remembers an attachment that is about to be made. `AlreadyExists` when the key is known already. */
  async create(entry: CachedAttachment): Promise<void> {
    await this.#write(entry, async (from, to) => {
      try {
        // Unlike rename, link fails where a file is, and the file is whole from its first moment.
        await link(from, to);
      } finally {
        await rm(from, { force: true });
      }
    });
  }

  /** Replaces what is remembered. */
  async update(entry: CachedAttachment): Promise<void> {
    await this.#write(entry, rename);
  }

  /** Forgets; nothing there is fine. */
  async remove(key: AttachmentKey): Promise<void> {
    await rm(this.#file(key), { force: true });
    await rm(this.#draft(key), { force: true });
  }

  async read(key: AttachmentKey): Promise<CacheState> {
    const state = await this.#readFile(this.#file(key));
    if (state.kind !== "found" || sameKey(state.entry, key)) return state;
    // `a-b` + `c` and `a` + `b-c` share a file name; the other attachment's file is not this one's.
    return { kind: "absent" };
  }

  /** Every attachment, and every file that cannot be read, in order of file names. */
  async list(): Promise<readonly CachedFile[]> {
    return this.#readAll(await this.#names());
  }

  /** Those of one container's interface, whatever the network; chosen by file name first, so that few files are opened. */
  async find(containerId: string, ifName: string): Promise<readonly CachedFile[]> {
    const names = (await this.#names()).filter((name) => name.endsWith(`-${containerId}-${ifName}`));
    const files = await this.#readAll(names);
    return files.filter((file) => file.kind === "unreadable" || isOf(file.entry, containerId, ifName));
  }

  async #names(): Promise<readonly string[]> {
    try {
      return (await readdir(this.dir)).filter((name) => !name.startsWith(".")).sort();
    } catch (reason) {
      const error = StatusError.from(reason, `listing CNI cache ${JSON.stringify(this.dir)}`);
      if (hasCode(error, Code.NotFound)) return [];
      throw error;
    }
  }

  async #readAll(names: readonly string[]): Promise<readonly CachedFile[]> {
    const files: CachedFile[] = [];
    // One after the other: there may be thousands, and the thread pool is everybody's.
    for (const name of names) {
      const state = await this.#readFile(join(this.dir, name));
      if (state.kind !== "absent") files.push(state);
    }
    return files;
  }

  async #readFile(file: string): Promise<CacheState> {
    try {
      return { kind: "found", entry: decodeEntry(await readFile(file, "utf8"), file) };
    } catch (reason) {
      // `decodeEntry` names the file itself.
      const doing = reason instanceof StatusError ? undefined : `reading CNI cache file ${JSON.stringify(file)}`;
      const error = StatusError.from(reason, doing);
      return hasCode(error, Code.NotFound) ? { kind: "absent" } : { kind: "unreadable", file, error };
    }
  }

  async #write(entry: CachedAttachment, place: Place): Promise<void> {
    const file = this.#file(entry);
    try {
      const text = encodeEntry(entry);
      await (this.#prepared ??= this.#prepare());
      const draft = this.#draft(entry);
      await writeAside(draft, file, text, place).catch(async (reason: unknown) => {
        if ((reason as NodeJS.ErrnoException).code !== "ENOENT") throw reason;
        // Somebody removed the directory since it was made.
        await (this.#prepared = this.#prepare());
        await writeAside(draft, file, text, place);
      });
    } catch (reason) {
      throw StatusError.from(reason, `writing CNI cache file ${JSON.stringify(file)}`);
    }
  }

  /** Makes the directory and removes drafts that a killed process left. */
  async #prepare(): Promise<void> {
    try {
      await mkdir(this.dir, { recursive: true, mode: 0o700 });
      for (const name of await readdir(this.dir)) {
        if (!name.startsWith(temporary)) continue;
        const draft = join(this.dir, name);
        // Another process may be writing a younger one at this moment.
        if ((await ageMs(draft)) > abandonedMs) await rm(draft, { force: true });
      }
    } catch (reason) {
      this.#prepared = undefined;
      throw StatusError.from(reason, `preparing ${JSON.stringify(this.dir)}`);
    }
  }

  /** Named by its attachment, so that what a killed process left is overwritten by the next write, or goes with `remove`. */
  #draft({ networkName, containerId, ifName }: AttachmentKey): string {
    return join(this.dir, `${temporary}${networkName}-${containerId}-${ifName}`);
  }

  #file({ networkName, containerId, ifName }: AttachmentKey): string {
    return join(this.dir, `${networkName}-${containerId}-${ifName}`);
  }
}

type Place = (from: string, to: string) => Promise<void>;

async function writeAside(draft: string, file: string, text: string, place: Place): Promise<void> {
  await writeFile(draft, text, { mode: 0o600 });
  await place(draft, file);
}

function sameKey(entry: AttachmentKey, key: AttachmentKey): boolean {
  return entry.networkName === key.networkName && isOf(entry, key.containerId, key.ifName);
}

function isOf(entry: AttachmentKey, containerId: string, ifName: string): boolean {
  return entry.containerId === containerId && entry.ifName === ifName;
}

async function ageMs(file: string): Promise<number> {
  try {
    return Date.now() - (await stat(file)).mtimeMs;
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw reason;
  }
}

import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import type { Snapshot, Snapshots } from "../../snapshots/types.ts";

/** Snapshots whose rows are in memory and whose directories are real; nothing is ever mounted. */
export class FakeSnapshots implements Snapshots {
  readonly rows: Map<string, Snapshot> = new Map();
  readonly #dir: string;
  readonly #inUse = new Set<string>();
  #next = 1;

  constructor(dir: string) {
    this.#dir = dir;
  }

  find(key: string): Snapshot | undefined {
    return this.rows.get(key);
  }

  list(): readonly Snapshot[] {
    return [...this.rows.values()];
  }

  chain(key: string): readonly string[] {
    const dirs: string[] = [];
    for (let at: string | undefined = key; at !== undefined;) {
      const row: Snapshot = this.#get(at);
      dirs.push(join(this.#dir, row.dir, "fs"));
      at = row.parent;
    }
    return dirs;
  }

  async createLayerDirectory(): ReturnType<Snapshots["createLayerDirectory"]> {
    const dir = String(this.#next++);
    const target = join(this.#dir, dir, "fs");
    this.#inUse.add(dir);
    await mkdir(target, { recursive: true });
    return { dir, target };
  }

  commitLayer(...[directory, chainId, parent, usage]: Parameters<Snapshots["commitLayer"]>): Snapshot {
    if (this.rows.has(chainId)) throw new StatusError(Code.AlreadyExists, `layer "${chainId}": it exists`);
    if (parent !== undefined) this.#get(parent);
    const row: Snapshot = {
      key: chainId,
      kind: "layer",
      ...(parent !== undefined && { parent }),
      dir: directory.dir,
      createdAt: new Date().toISOString(),
      usage,
    };
    this.rows.set(chainId, row);
    this.#inUse.delete(directory.dir);
    return row;
  }

  async discardLayerDirectory({ dir }: Parameters<Snapshots["discardLayerDirectory"]>[0]): Promise<void> {
    this.#inUse.delete(dir);
    await rm(join(this.#dir, dir), { recursive: true, force: true });
  }

  prepare(request: Parameters<Snapshots["prepare"]>[0]): Snapshot {
    this.#get(request.parent);
    const row: Snapshot = { ...request, dir: String(this.#next++), createdAt: new Date().toISOString() };
    this.rows.set(request.key, row);
    return row;
  }

  async remove(key: string): Promise<void> {
    const row = this.rows.get(key);
    if (!row) return;
    if (this.list().some(({ parent }) => parent === key)) {
      throw new StatusError(Code.FailedPrecondition, `snapshot "${key}": another one stands on it`);
    }
    this.rows.delete(key);
    await rm(join(this.#dir, row.dir), { recursive: true, force: true });
  }

  discard(key: string): Promise<void> {
    return this.remove(key);
  }

  async sweep(): Promise<number> {
    let swept = 0;
    for (const dir of await this.directories()) {
      if (this.#inUse.has(dir) || this.list().some((row) => row.dir === dir)) continue;
      await rm(join(this.#dir, dir), { recursive: true, force: true });
      swept++;
    }
    return swept;
  }

  /** What a new daemon finds: rows and directories, and nobody who unpacks. */
  restart(): void {
    this.#inUse.clear();
  }

  /** Names of all directories there are. */
  async directories(): Promise<readonly string[]> {
    return await readdir(this.#dir).catch(() => []);
  }

  changes(key: string): string {
    return join(this.#dir, this.#get(key).dir, "fs");
  }

  async usage(): ReturnType<Snapshots["usage"]> {
    return { bytes: 4_096, inodes: 1 };
  }

  async materialize(): Promise<void> {}
  async mount(): Promise<void> {}
  async unmount(): Promise<void> {}
  mountSpecs(): ReturnType<Snapshots["mountSpecs"]> {
    return [];
  }

  #get(key: string): Snapshot {
    const row = this.rows.get(key);
    if (row) return row;
    throw new StatusError(Code.NotFound, `snapshot "${key}": not found`);
  }
}

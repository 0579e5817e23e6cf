import { isDeepStrictEqual } from "node:util";

import { Code, StatusError } from "@crib/errdefs";
import { umountAll } from "@crib/linux";
import type { Digest } from "@crib/oci-spec";

import type { LayerUnpacker } from "../layers/types.ts";
import { type Database, onRollback } from "../metadata/index.ts";
import { checkIdMappings } from "./id-mappings.ts";
import { makeWritable } from "./make-writable.ts";
import { dropSnapshotCopy, writeSnapshotCopy } from "./snapshot-copies.ts";
import type { SnapshotDirectories } from "./snapshot-directories.ts";
import { mountSnapshot, snapshotMountSpecs, type SnapshotPaths } from "./snapshot-mounts.ts";
import type { SnapshotRows } from "./snapshot-rows.ts";
import type { DiskUsage, LayerDirectory, MountSpec, Snapshot, Snapshots } from "./types.ts";

/** What the snapshots stand on. */
export interface OverlaySnapshotsParts {
  readonly database: Database;
  readonly rows: SnapshotRows;
  readonly directories: SnapshotDirectories;
  readonly unpacker: Pick<LayerUnpacker, "usage">;
}

/** Snapshots whose directories overlayfs stacks. */
export class OverlaySnapshots implements Snapshots {
  readonly #parts: OverlaySnapshotsParts;

  constructor(parts: OverlaySnapshotsParts) {
    this.#parts = parts;
  }

  find(key: string): Snapshot | undefined {
    return this.#parts.rows.find(key);
  }

  list(): readonly Snapshot[] {
    return this.#parts.rows.list();
  }

  chain(key: string): readonly string[] {
    const { rows, directories } = this.#parts;
    return rows.layers(key).map(({ dir }) => directories.filesOf(dir));
  }

  createLayerDirectory(): Promise<LayerDirectory> {
    return this.#parts.directories.createForLayer();
  }

  commitLayer(directory: LayerDirectory, chainId: Digest, parent: Digest | undefined, usage: DiskUsage): Snapshot {
    const { rows, directories, database } = this.#parts;
    const { dir } = directory;
    if (!directories.isOpen(dir)) {
      throw new StatusError(Code.FailedPrecondition, `layer "${chainId}": directory "${dir}" is no layer's to be`);
    }
    const below = parent === undefined ? {} : { parent };
    const snapshot: Snapshot = { key: chainId, kind: "layer", ...below, dir, createdAt: now(), usage };
    this.#insert(snapshot);
    directories.setOpen(dir, false);
    onRollback(database, () => directories.setOpen(dir, true));
    return rows.get(chainId);
  }

  async discardLayerDirectory({ dir }: LayerDirectory): Promise<void> {
    const { rows, directories } = this.#parts;
    const owner = rows.list().find((snapshot) => snapshot.dir === dir);
    if (owner) throw new StatusError(Code.FailedPrecondition, `directory "${dir}": it is snapshot "${owner.key}"`);
    await directories.remove(dir, new AbortController().signal);
  }

  prepare(request: Parameters<Snapshots["prepare"]>[0]): Snapshot {
    const { key, idMappings, parent } = request;
    const { rows, directories } = this.#parts;
    if (idMappings) checkIdMappings(idMappings, `snapshot "${key}"`);
    const known = rows.find(key);
    if (known) {
      const { dir: _dir, createdAt: _createdAt, ...same } = known;
      if (isDeepStrictEqual(same, { ...request })) return known;
      throw new StatusError(Code.AlreadyExists, `snapshot "${key}": it exists and is another one`);
    }
    if (rows.find(parent)?.kind !== "layer") {
      throw new StatusError(Code.NotFound, `snapshot "${key}": there is no layer "${parent}"`);
    }
    const snapshot: Snapshot = { ...request, dir: directories.allocate(), createdAt: now() };
    rows.insert(snapshot);
    return snapshot;
  }

  async materialize(key: string, signal: AbortSignal): Promise<void> {
    const { rows, directories } = this.#parts;
    const snapshot = rows.get(key);
    if (snapshot.kind === "layer") return;
    signal.throwIfAborted();
    const path = await directories.make(snapshot.dir);
    const [below = ""] = this.chain(key);
    if (snapshot.kind === "active") await makeWritable(path, below, snapshot.idMappings);
    writeSnapshotCopy(path, snapshot);
  }

  mountSpecs(key: string): readonly MountSpec[] {
    return snapshotMountSpecs(this.#pathsOf(key));
  }

  async mount(key: string, target: string, signal: AbortSignal): Promise<void> {
    try {
      await mountSnapshot(this.#pathsOf(key), target, undefined, signal);
    } catch (reason) {
      throw StatusError.from(reason, `mounting snapshot "${key}"`);
    }
  }

  async unmount(target: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await umountAll(target);
  }

  async usage(key: string, signal: AbortSignal): Promise<DiskUsage> {
    const { rows, directories, unpacker } = this.#parts;
    const { kind, usage, dir } = rows.get(key);
    if (kind === "view") return { bytes: 0, inodes: 0 };
    return usage ?? (await unpacker.usage(directories.filesOf(dir), signal));
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    const { rows, directories } = this.#parts;
    const snapshot = rows.find(key);
    if (!snapshot) return;
    const child = rows.childOf(key);
    if (child !== undefined) {
      throw new StatusError(Code.FailedPrecondition, `snapshot "${key}": "${child}" stands on it`);
    }
    rows.delete(key);
    // Before the files, so that a rebuilt database does not bring half a snapshot back.
    dropSnapshotCopy(directories.pathOf(snapshot.dir));
    await directories.remove(snapshot.dir, signal);
  }

  async sweep(signal: AbortSignal): Promise<number> {
    const { rows, directories } = this.#parts;
    const taken = new Set(rows.list().map(({ dir }) => dir));
    const garbage = await directories.unreferenced((dir) => taken.has(dir));
    let removed = 0;
    for (const dir of garbage) {
      // A row may have been written while another directory was being removed.
      if (directories.isOpen(dir) || rows.list().some((snapshot) => snapshot.dir === dir)) continue;
      await directories.remove(dir, signal);
      removed++;
    }
    return removed;
  }

  /** The copy first: without its row it is garbage, a row without its copy could not be rebuilt. */
  #insert(snapshot: Snapshot): void {
    const { rows, directories } = this.#parts;
    const { key, parent, dir } = snapshot;
    if (rows.find(key)) throw new StatusError(Code.AlreadyExists, `layer "${key}": it exists`);
    if (parent !== undefined && rows.find(parent)?.kind !== "layer") {
      throw new StatusError(Code.NotFound, `layer "${key}": there is no layer "${parent}" below it`);
    }
    writeSnapshotCopy(directories.pathOf(dir), snapshot);
    rows.insert(snapshot);
  }

  #pathsOf(key: string): SnapshotPaths {
    const { rows, directories } = this.#parts;
    const { kind, dir, idMappings } = rows.get(key);
    const lower = this.chain(key);
    const upper = { dir: directories.filesOf(dir), work: `${directories.pathOf(dir)}/work` };
    return { lower, ...(kind === "active" ? { upper } : {}), ...(idMappings ? { idMappings } : {}) };
  }
}

function now(): string {
  return new Date().toISOString();
}

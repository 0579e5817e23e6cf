import { Code, hasCode, StatusError } from "@crib/errdefs";
import { umountAll } from "@crib/linux";
import type { Digest } from "@crib/oci-spec";

import type { LayerUnpacker } from "../layers/types.ts";
import { canonicalJson, type Database, onRollback } from "../metadata/index.ts";
import { checkIdMappings } from "./id-mappings.ts";
import { makeWritable } from "./make-writable.ts";
import type { SnapshotCopies } from "./snapshot-copies.ts";
import type { SnapshotDirectories } from "./snapshot-directories.ts";
import { mountSnapshot, snapshotMountSpecs, type SnapshotPaths } from "./snapshot-mounts.ts";
import type { SnapshotRows } from "./snapshot-rows.ts";
import type { DiskUsage, LayerDirectory, MountSpec, Snapshot, Snapshots } from "./types.ts";
import { waitForAll } from "./wait-for-all.ts";

/** What the snapshots stand on. */
export interface OverlaySnapshotsParts {
  readonly database: Database;
  readonly rows: SnapshotRows;
  readonly directories: SnapshotDirectories;
  readonly copies: SnapshotCopies;
  readonly unpacker: Pick<LayerUnpacker, "usage">;
  readonly usernsOf: (snapshot: Snapshot) => string | undefined;
  readonly log: { warn(fields: Readonly<Record<string, unknown>>, message: string): void };
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
    const doing = `committing layer "${chainId}"`;
    if (rows.find(chainId)) throw new StatusError(Code.AlreadyExists, `${doing}: it exists`);
    if (!directories.isOpen(dir)) {
      throw new StatusError(Code.FailedPrecondition, `${doing}: directory "${dir}" is no layer's to be`);
    }
    if (parent !== undefined) this.#checkLayer(parent, doing);
    const below = parent === undefined ? {} : { parent };
    const { bytes, inodes } = usage;
    const snapshot: Snapshot = {
      key: chainId,
      kind: "layer",
      ...below,
      dir,
      createdAt: now(),
      usage: { bytes, inodes },
    };
    rows.insert(snapshot);
    directories.setOpen(dir, false);
    onRollback(database, () => directories.setOpen(dir, true));
    this.#copyInBackground(snapshot);
    return snapshot;
  }

  async discardLayerDirectory({ dir }: LayerDirectory): Promise<void> {
    const { rows, directories, copies } = this.#parts;
    if (rows.hasDirectory(dir)) {
      throw new StatusError(Code.FailedPrecondition, `discarding directory "${dir}": it is a snapshot's`);
    }
    // The commit may have been taken back.
    await copies.settled(dir);
    await directories.remove(dir, new AbortController().signal);
  }

  prepare({ key, kind, parent, owner, idMappings }: Parameters<Snapshots["prepare"]>[0]): Snapshot {
    const { rows, directories } = this.#parts;
    const doing = `preparing snapshot "${key}"`;
    if (key === "") throw new StatusError(Code.InvalidArgument, `${doing}: its key is empty`);
    if (idMappings) checkIdMappings(idMappings, doing);
    const wanted = { key, kind, parent, owner, ...(idMappings ? { idMappings } : {}) };
    const known = rows.find(key);
    if (known) {
      const { dir: _dir, createdAt: _createdAt, ...same } = known;
      if (canonicalJson(same) === canonicalJson(wanted)) return known;
      throw new StatusError(Code.AlreadyExists, `${doing}: it exists and is another one`);
    }
    this.#checkLayer(parent, doing);
    const snapshot: Snapshot = { ...wanted, dir: directories.allocate(), createdAt: now() };
    rows.insert(snapshot);
    return snapshot;
  }

  async materialize(key: string, signal: AbortSignal): Promise<void> {
    const { rows, directories, copies } = this.#parts;
    signal.throwIfAborted();
    const snapshot = rows.get(key);
    if (snapshot.kind === "layer") return await copies.settled(snapshot.dir);
    // A view has nothing of its own: its row is all there is, and pods with a pause need not wait for a directory.
    if (snapshot.kind === "view") return;
    const [below = ""] = this.chain(key);
    const path = await directories.make(snapshot.dir);
    await waitForAll([makeWritable(path, below, snapshot.idMappings), copies.write(snapshot)]);
  }

  mountSpecs(key: string, { below }: { readonly below?: string } = {}): readonly MountSpec[] {
    const paths = this.#pathsOf(key);
    return snapshotMountSpecs(below === undefined ? paths : { ...paths, lower: [...paths.lower, below] });
  }

  async mount(...[key, target, signal, { overlay = [] } = {}]: Parameters<Snapshots["mount"]>): Promise<void> {
    const { rows, usernsOf, directories } = this.#parts;
    const userns = usernsOf(rows.get(key));
    try {
      await mountSnapshot(this.#pathsOf(key), target, { userns, probeDir: directories.root, overlay }, signal);
    } catch (reason) {
      throw StatusError.from(reason, `mounting snapshot "${key}"`);
    }
  }

  async unmount(target: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await umountAll(target);
  }

  changes(key: string): string {
    const { rows, directories } = this.#parts;
    const { kind, dir } = rows.get(key);
    if (kind === "active") return directories.filesOf(dir);
    throw new StatusError(Code.FailedPrecondition, `changes of snapshot "${key}": it cannot be written to`);
  }

  async usage(key: string, signal: AbortSignal): Promise<DiskUsage> {
    const { rows, directories, unpacker } = this.#parts;
    const { kind, usage, dir } = rows.get(key);
    if (kind === "view") return { bytes: 0, inodes: 0 };
    return usage ?? (await unpacker.usage(directories.filesOf(dir), signal));
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    const { directories, copies } = this.#parts;
    const dir = this.#forget(key);
    if (dir === undefined) return;
    // Before the files, so that a rebuilt database does not bring half a snapshot back.
    await copies.drop(dir);
    await directories.remove(dir, signal);
  }

  async discard(key: string): Promise<void> {
    const { directories, copies, log } = this.#parts;
    const dir = this.#forget(key);
    if (dir === undefined) return;
    await copies.settled(dir);
    const gone = await directories.setAside(dir);
    if (gone === undefined) return;
    directories.remove(gone, new AbortController().signal).catch((reason: unknown) => {
      if (hasCode(reason, Code.Canceled)) return; // the daemon ends
      log.warn(
        { snapshot: key, error: StatusError.from(reason).message },
        "files of a snapshot could not be removed yet",
      );
    });
  }

  async sweep(signal: AbortSignal): Promise<number> {
    const { rows, directories } = this.#parts;
    const garbage = await directories.unreferenced((dir) => rows.hasDirectory(dir));
    for (const dir of garbage) {
      signal.throwIfAborted();
      // No row gets the number of a directory that is there, so it still is garbage.
      await directories.remove(dir, signal);
    }
    return garbage.length;
  }

  /** Deletes the row; gives the directory, undefined when there is none. Nothing is awaited: what the caller has just seen to be unused still is. */
  #forget(key: string): string | undefined {
    const { rows } = this.#parts;
    const snapshot = rows.find(key);
    if (!snapshot) return undefined;
    const child = rows.childOf(key);
    if (child !== undefined) {
      throw new StatusError(Code.FailedPrecondition, `removing snapshot "${key}": "${child}" stands on it`);
    }
    rows.delete(key);
    return snapshot.kind === "view" ? undefined : snapshot.dir;
  }

  /** NotFound when there is no such layer to stand on. */
  #checkLayer(parent: string, doing: string): void {
    if (this.#parts.rows.find(parent)?.kind === "layer") return;
    throw new StatusError(Code.NotFound, `${doing}: there is no layer "${parent}" to stand on`);
  }

  #copyInBackground(snapshot: Snapshot): void {
    const { copies, rows, log } = this.#parts;
    copies.write(snapshot).catch((reason: unknown) => {
      // It may have been removed, or never come to be, meanwhile.
      if (rows.find(snapshot.key)?.dir !== snapshot.dir) return;
      log.warn({ snapshot: snapshot.key, error: StatusError.from(reason).message }, "no copy of a snapshot's row");
    });
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

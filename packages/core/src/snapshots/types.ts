import type { Digest } from "@crib/oci-spec";

/** A range of ids inside a user namespace, and where it lies outside. */
export interface IdRange {
  readonly containerId: number;
  readonly hostId: number;
  readonly length: number;
}

/** How ids of a snapshot are shown to a pod's user namespace. */
export interface IdMappings {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

/** Bytes (512-byte blocks counted) and inodes. */
export interface DiskUsage {
  readonly bytes: number;
  readonly inodes: number;
}

/**
 * A directory in the form that overlayfs stacks. `layer`: a committed, read-only layer, its key the chain id. `active`: writable,
 * on top of a layer. `view`: a layer's chain, read-only.
 */
export interface Snapshot {
  readonly key: string;
  readonly kind: "layer" | "active" | "view";
  /** Key of the layer below. */
  readonly parent?: string;
  /** Name of its directory in `<root>/snapshots`: a decimal number. Holds `fs`, and `work` where it is active. */
  readonly dir: string;
  readonly createdAt: string;
  /** Of a layer: what it takes. Of others it changes and is measured when asked. */
  readonly usage?: DiskUsage;
  readonly idMappings?: IdMappings;
  /** Who keeps it: id of the container or sandbox. Layers have none; images keep them. */
  readonly owner?: string;
}

/** A directory for a layer to be unpacked into; no snapshot yet. */
export interface LayerDirectory {
  readonly dir: string;
  /** Absolute path of the empty directory, owned by root, mode 0755. */
  readonly target: string;
}

/** What runc or a shim is told to mount; `source`, `type` and `options` as mount(8) has them. */
export interface MountSpec {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/**
 * Snapshots on overlayfs, rows in the daemon's database, directories in `<root>/snapshots/<number>`. A row is written after
 * a directory is complete and removed before it; directories without a row are garbage, and `sweep` removes them.
 */
export interface Snapshots {
  find(key: string): Snapshot | undefined;
  list(): readonly Snapshot[];
  /** The absolute directories of a layer's chain, nearest first. NotFound. */
  chain(key: string): readonly string[];

  /** A new directory to unpack a layer into. */
  createLayerDirectory(): Promise<LayerDirectory>;
  /** Records the directory as the layer `chainId`. AlreadyExists when there is one: the caller then discards its own. */
  commitLayer(directory: LayerDirectory, chainId: Digest, parent: Digest | undefined, usage: DiskUsage): Snapshot;
  /** Removes a directory that no row names. Absence is success. */
  discardLayerDirectory(directory: LayerDirectory): Promise<void>;

  /**
   * Makes a snapshot on top of the layer `parent`; a repeated key gives the one that exists when it is equal, else AlreadyExists.
   * The row is written in the caller's transaction, so that resolving an image and this cannot be parted: the call is synchronous
   * and the directory is made by `materialize`. NotFound when the parent is not there.
   */
  prepare(request: {
    readonly key: string;
    readonly kind: "active" | "view";
    readonly parent: Digest;
    readonly owner: string;
    readonly idMappings?: IdMappings;
  }): Snapshot;
  /** Makes the directories of a prepared snapshot. Idempotent. */
  materialize(key: string, signal: AbortSignal): Promise<void>;
  /**
   * How to mount a snapshot. One layer without a writable one is a read-only bind mount. With id mappings, where the kernel
   * has idmapped mounts, mount with `mount()`; the specs are for runtimes that mount by themselves. `below`: an absolute directory
   * that is to lie under all layers.
   */
  mountSpecs(key: string, options?: { readonly below?: string }): readonly MountSpec[];
  /**
   * Mounts a snapshot at an existing directory, however many layers it has. Fails with what the kernel says. `overlay`: further
   * options of overlayfs, as `name` or `name=value`; they win over those that crib gives it.
   */
  mount(
    key: string,
    target: string,
    signal: AbortSignal,
    options?: { readonly overlay?: readonly string[] },
  ): Promise<void>;
  /** Takes it off. Not mounted is success. */
  unmount(target: string, signal: AbortSignal): Promise<void>;
  /** The absolute directory, in overlayfs form, of what has been changed in an `active` snapshot. NotFound; FailedPrecondition for others. */
  changes(key: string): string;
  /** What a snapshot takes, without the layers below. */
  usage(key: string, signal: AbortSignal): Promise<DiskUsage>;
  /** Removes the row, then the directory. FailedPrecondition while another snapshot stands on it. Absence is success. */
  remove(key: string, signal: AbortSignal): Promise<void>;
  /**
   * The same, but does not wait for the files of the directory, which is set aside: they go in the background, else with the next `sweep`.
   */
  discard(key: string): Promise<void>;
  /** Removes directories without a row that are not in use by a running unpack. Gives how many. */
  sweep(signal: AbortSignal): Promise<number>;
}

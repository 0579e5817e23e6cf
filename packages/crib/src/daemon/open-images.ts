import { openContentStore } from "@crib/core/content";
import { createRetries, parseFaults } from "@crib/core/flow";
import { createImages, type ImageService } from "@crib/core/images";
import { createLayerUnpacker, type LayerUnpacker, type TreeCopier, type TreePacker } from "@crib/core/layers";
import type { Database } from "@crib/core/metadata";
import { createSnapshots, type Snapshots, type SnapshotsOptions } from "@crib/core/snapshots";
import { bootId } from "@crib/linux";
import { formatReference, parseReference } from "@crib/oci-spec";
import { createRegistryClient, readDockerConfigCredentials } from "@crib/registry";

import type { DaemonConfig } from "./config/types.ts";
import type { Log } from "./log.ts";

/** The images of a daemon and the snapshots that stand on them. Disposing of it ends pulls, which are undone. */
export interface DaemonImages extends AsyncDisposable {
  readonly images: ImageService;
  readonly snapshots: Snapshots;
  /** Copies, packs and removes trees, on threads of its own. */
  readonly trees: TreeCopier & TreePacker & Pick<LayerUnpacker, "removeTree">;
}

/** Builds what images are made of. Nothing is pulled or collected before `images.recover`. */
export async function openImages(
  config: DaemonConfig,
  handlers: ReadonlySet<string>,
  database: Database,
  usernsOf: SnapshotsOptions["usernsOf"],
  log: Log,
): Promise<DaemonImages> {
  await using parts = new AsyncDisposableStack();
  const unpacker = parts.use(createLayerUnpacker({ threads: config.images.unpackWorkers }));
  const content = await openContentStore({
    rootDir: config.root,
    hashFile: (path, algorithm, signal) => unpacker.hashFile(path, algorithm, signal),
  });
  const snapshots = createSnapshots({ database, rootDir: config.root, unpacker, usernsOf, log });
  const { registry: reach, images: settings } = config;
  const registry = createRegistryClient({
    ...reach,
    manifestLimitBytes: settings.limits.manifestBytes,
    onRetry: (event) => log.debug(event, "a registry is asked again"),
  });
  parts.defer(() => registry.close());
  const images = await createImages({
    rootDir: config.root,
    database,
    content,
    snapshots,
    unpacker,
    registry,
    findCredentials: readDockerConfigCredentials(reach.authFiles),
    handlers,
    pinned: new Set(settings.pauseImage === "" ? [] : [formatReference(parseReference(settings.pauseImage))]),
    limits: settings.limits,
    bootId: bootId(),
    faults: parseFaults(process.env["CRIB_FAULTS"]),
    budgets: { do: config.flow.budgetsMs, undo: config.flow.undoBudgetsMs },
    retries: createRetries(config.flow.retryMinMs, config.flow.retryMaxMs),
    downloadsPerPull: settings.maxConcurrentDownloads,
    downloads: settings.maxTotalDownloads,
    unpackThreads: settings.unpackWorkers,
    progressTimeoutMs: settings.progressTimeoutMs,
    keepPartialMs: settings.keepPartialsMs,
    syncOnCommit: settings.sync,
    log,
  });
  parts.defer(() => images.close());
  const owned = parts.move();
  return { images, snapshots, trees: unpacker, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

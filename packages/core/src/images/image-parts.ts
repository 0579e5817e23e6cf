import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";
import { type PlatformName, platformOf } from "@crib/oci-spec";
import type { FindCredentials, RegistryClient } from "@crib/registry";

import type { ContentStore } from "../content/types.ts";
import { createFlowRows } from "../flow/flow-rows.ts";
import type { Retries } from "../flow/retries.ts";
import type { Database } from "../metadata/database.ts";
import { openRecordCopies } from "../metadata/record-copies.ts";
import { openRecordTable } from "../metadata/record-table.ts";
import type { Snapshots } from "../snapshots/types.ts";
import { AbandonedClaims } from "./garbage/abandoned-claims.ts";
import { Collector } from "./garbage/collector.ts";
import { Deletions } from "./garbage/deletions.ts";
import { Holds } from "./garbage/holds.ts";
import type { RemovalDeps } from "./garbage/removals.ts";
import { Roots } from "./garbage/roots.ts";
import { defaultLimits } from "./image-limits.ts";
import type { DocumentLimits, ImagesOptions } from "./images-options.ts";
import { Places } from "./pull/places.ts";
import { PullLife } from "./pull/pull-life.ts";
import type { PullSession } from "./pull/pull-session.ts";
import { Pulls } from "./pull/pulls.ts";
import type { PullDeps } from "./pull/steps/types.ts";
import type { PullFacts, PullPlan, PullRecord } from "./pull/types.ts";
import { Works } from "./pull/works.ts";
import { pullSchema } from "./records/image-schema.ts";
import { type ImageStore, openImageStore } from "./records/image-store.ts";
import { rebuildImages } from "./recovery/rebuild-images.ts";
import { Recovery } from "./recovery/recovery.ts";
import { RemovalLife } from "./remove/removal-life.ts";
import type { ImageRecord } from "./types.ts";

/** The parts that the image service is made of. */
export interface ImageParts {
  readonly database: Database;
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
  readonly registry: RegistryClient;
  readonly findCredentials: FindCredentials;
  readonly handlers: ReadonlySet<string>;
  readonly pinned: ReadonlySet<string>;
  readonly platform: PlatformName;
  readonly limits: DocumentLimits;
  /** For layers of an import whose digest is not known yet; empty when the daemon starts. */
  readonly spoolDir: string;
  readonly images: ImageStore;
  readonly pulls: Pulls;
  readonly removals: RemovalLife;
  readonly collector: Collector;
  readonly recovery: Recovery;
  readonly retries: Retries;
  readonly holds: Holds;
  readonly deletions: Deletions;
}

/** Puts the parts together. Plain constructor calls. */
export async function openImageParts(options: ImagesOptions): Promise<ImageParts> {
  const { database, content, snapshots, unpacker, faults, budgets, retries, bootId, log, rootDir } = options;
  const idleMs = options.idleTransferMs ?? 1_000;
  const { keepPartialMs = 600_000, progressTimeoutMs = 300_000, syncOnCommit = true } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const spoolDir = await emptySpool(rootDir);
  const images = await openImageStore(database, openRecordCopies(join(rootDir, "images")));
  for (const { id, reason } of images.quarantined) log.warn({ id, reason }, "the record of an image cannot be used");
  const pullRows = openRecordTable<PullRecord>(database, { table: "pulls", noun: "pull", schema: pullSchema });
  const deletions = new Deletions();
  const holds = new Holds();
  const abandoned = new AbandonedClaims(keepPartialMs);
  const roots = new Roots({ images, pulls: pullRows, snapshots, abandoned, holds });
  const removal: RemovalDeps = { content, snapshots, deletions, roots };
  const failed = (reason: unknown): void => log.warn({ error: String(reason) }, "collection of image garbage failed");
  const collector = new Collector({ ...removal, database, abandoned, keepPartialMs, retries, failed });
  const collect = (): void => collector.request();
  const unsynced = new Set<ImageRecord["id"]>();
  const works = new Works(
    {
      content,
      hashFile: (path, algorithm, signal) => unpacker.hashFile(path, algorithm, signal),
      deletions,
      transfers: { places: new Places(options.downloads ?? 8), idleMs },
    },
    {
      snapshots,
      unpacker,
      deletions,
      limits,
      threads: new Places(options.unpackThreads ?? 2),
      idleMs,
      unsynced,
      stillLost: (blob, reason) => log.warn({ blob, error: String(reason) }, "a lost blob could not be fetched again"),
      isWanted: (layer) => {
        const ready = images.list().filter(({ state }) => state === "ready");
        const same = ready.flatMap(({ layers }) => layers).filter(({ chainId }) => chainId === layer.chainId);
        return same.length === 0 || same.some(({ digest }) => digest === layer.digest);
      },
    },
  );
  const flows = { faults, budgets, endStrays: async (): Promise<void> => {} };
  const sessions = new Map<string, PullSession>();
  const sync = (signal: AbortSignal): Promise<void> => unpacker.syncFileSystem(rootDir, signal);
  const life = new PullLife({
    database,
    content,
    images,
    pulls: pullRows,
    snapshots,
    sessions,
    rows: createFlowRows<PullDeps, PullPlan, PullFacts>({
      ...flows,
      deps: {
        content,
        deletions,
        sessions,
        limits,
        unsynced,
        warm: () => unpacker.warm(),
        sync: syncOnCommit ? sync : undefined,
      },
      read: (id) => pullRows.get(id),
      write: (id, change) => pullRows.put({ ...pullRows.get(id), ...change }),
    }),
    abandoned,
    retries,
    bootId,
    syncOnCommit,
    collect,
    log,
  });
  const removals = new RemovalLife({
    database,
    images,
    rows: createFlowRows<RemovalDeps, ImageRecord, Record<string, never>>({
      ...flows,
      deps: removal,
      read: (id) => ({ plan: images.get(id), facts: {}, runs: images.get(id).runs }),
      write: (id, { runs }) => images.put({ ...images.get(id), ...(runs && { runs }) }),
    }),
    retries,
    syncOnCommit,
    collect,
    log,
  });
  const recovery = new Recovery({
    images,
    pulls: pullRows,
    snapshots,
    content,
    life,
    removals,
    removal,
    collector,
    unsynced,
    retries,
    log,
    rebuild: (signal) => rebuildImages({ images, content, snapshots, pulls, removals, limits, log }, signal),
  });
  const pulls: Pulls = new Pulls({
    life,
    works,
    downloadsPerPull: options.downloadsPerPull ?? 3,
    progressTimeoutMs,
    cleared: () => recovery.cleared(),
  });
  return {
    database,
    content,
    snapshots,
    registry: options.registry,
    findCredentials: options.findCredentials ?? (async () => undefined),
    handlers: options.handlers,
    pinned: options.pinned ?? new Set(),
    platform: options.platform ?? platformOf(),
    limits,
    spoolDir,
    images,
    pulls,
    removals,
    collector,
    recovery,
    retries,
    holds,
    deletions,
  };
}

async function emptySpool(rootDir: string): Promise<string> {
  const dir = join(rootDir, "content", "spool");
  try {
    await rm(dir, { recursive: true, force: true });
    await mkdir(dir, { recursive: true, mode: 0o700 });
  } catch (reason) {
    throw StatusError.from(reason, `emptying "${dir}"`);
  }
  return dir;
}

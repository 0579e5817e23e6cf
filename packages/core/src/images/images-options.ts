import type { PlatformName } from "@crib/oci-spec";
import type { FindCredentials, RegistryClient } from "@crib/registry";

import type { ContentStore } from "../content/types.ts";
import type { Faults } from "../flow/faults.ts";
import type { Retries } from "../flow/retries.ts";
import type { LayerLimits, LayerUnpacker } from "../layers/types.ts";
import type { Database } from "../metadata/database.ts";
import type { Snapshots } from "../snapshots/types.ts";

/** Where life-cycle changes are written. */
export interface ImagesLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** What the documents of an image may be at most. */
export interface DocumentLimits {
  /** Bytes of a manifest or an index. Default 4 MiB. */
  readonly manifestBytes: number;
  /** Bytes of a configuration. Default 8 MiB. */
  readonly configBytes: number;
  /** Entries of an index. Default 1,000. */
  readonly manifests: number;
  /** Layers of an image. Default 512. */
  readonly layers: number;
}

/** What the images of a daemon are made of. */
export interface ImagesOptions {
  /** The daemon's root; copies of the records are in its folder `images`. */
  readonly rootDir: string;
  readonly database: Database;
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
  readonly unpacker: LayerUnpacker;
  readonly registry: RegistryClient;
  /** Credentials of configured files, for callers that bring none. Default: none. */
  readonly findCredentials?: FindCredentials;
  /** Names of the runtime handlers there are; any other in a request is refused. The empty name is always known. */
  readonly handlers: ReadonlySet<string>;
  /** Images that are pulled by one of these names (canonical texts of references) are pinned. Default: none. */
  readonly pinned?: ReadonlySet<string>;
  /** Images are pulled for this one. Default: that of this process. */
  readonly platform?: PlatformName;
  /** What an image and each of its layers may be at most. Default: that of the single limits. */
  readonly limits?: Partial<LayerLimits & DocumentLimits>;
  readonly bootId: string;
  readonly faults: Faults;
  /** Budgets of steps in milliseconds, by step name, over those of the flows. */
  readonly budgets: { readonly do: Readonly<Record<string, number>>; readonly undo: Readonly<Record<string, number>> };
  readonly retries: Retries;
  readonly log: ImagesLog;
  /** Layers that one pull fetches at a time. Default 3. */
  readonly downloadsPerPull?: number;
  /** Layers that all pulls together fetch at a time. Default 8. */
  readonly downloads?: number;
  /** Threads that the unpacker has. Default 2. */
  readonly unpackThreads?: number;
  /** Milliseconds without a byte after which a transfer lets others go ahead. Default 1,000. */
  readonly idleTransferMs?: number;
  /** Milliseconds without any byte after which a pull fails with DeadlineExceeded. Default 300,000. */
  readonly progressTimeoutMs?: number;
  /** Milliseconds for which partial files and what a failed pull had are kept for the next try. Default 600,000. */
  readonly keepPartialMs?: number;
  /** Whether layers are on the disk before their image is recorded. Default true. */
  readonly syncOnCommit?: boolean;
}

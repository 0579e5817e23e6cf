import type { Digest, PlatformName } from "@crib/oci-spec";

import type { FlowRun } from "../../flow/types.ts";
import type { ImageRecord } from "../types.ts";

/** What was decided before a pull began. Holds nothing that is secret. */
export interface PullPlan {
  /** The canonical text of what is pulled; of an import, what it is called in messages. */
  readonly reference: string;
  /** `registry/repository` whose name by digest the image gets; none for an import without names. */
  readonly repositories: readonly string[];
  /** Tags, `registry/repository:tag`, that will stand for the image. */
  readonly tags: readonly string[];
  readonly handler: string;
  readonly platform: PlatformName;
  readonly pinned: boolean;
}

/** A manifest, an index or a configuration of the image. */
export interface PulledDocument {
  readonly digest: Digest;
  readonly size: number;
}

/** What a pull has learned, all of it at once, before any of it is kept. Roots of the garbage collection while the row is there. */
export interface PullFacts {
  /** What the reference names, then what leads from there to the manifest, which is the last. */
  readonly documents: readonly PulledDocument[];
  readonly config: PulledDocument;
  readonly layers: ImageRecord["layers"];
  readonly platform: PlatformName;
  readonly user: string;
}

/** The row of a pull: its lease. It is gone once the image is recorded, or all is undone. */
export interface PullRecord {
  readonly version: 1;
  readonly id: string;
  readonly state: "pulling";
  readonly createdAt: string;
  readonly bootId: string;
  readonly plan: PullPlan;
  readonly facts: Partial<PullFacts>;
  readonly runs: readonly FlowRun[];
}

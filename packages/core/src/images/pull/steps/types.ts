import type { Digest } from "@crib/oci-spec";

import type { ContentStore } from "../../../content/types.ts";
import type { StepContext } from "../../../flow/types.ts";
import type { Deletions } from "../../garbage/deletions.ts";
import type { DocumentLimits } from "../../images-options.ts";
import type { PullSession } from "../pull-session.ts";
import type { PullFacts, PullPlan } from "../types.ts";

/** What the steps of PullImage work with. */
export interface PullDeps {
  readonly content: ContentStore;
  readonly deletions: Deletions;
  /** By the id of the pull; none for one that an earlier daemon began. */
  readonly sessions: ReadonlyMap<string, PullSession>;
  readonly limits: DocumentLimits;
  /** Chain ids of layers that the disk may not hold yet. */
  readonly unsynced: Set<Digest>;
  /** Has a thread that unpacks ready when the first layer comes. */
  readonly warm: () => void;
  /** Writes all that is in the store to the disk; undefined where the configuration says not to. */
  readonly sync: ((signal: AbortSignal) => Promise<void>) | undefined;
}

/** What a step of PullImage is given. */
export type PullContext = StepContext<PullDeps, PullPlan, PullFacts>;

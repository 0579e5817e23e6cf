import type { Contestant } from "../containers/contestant.ts";

/** A controller that takes part. */
export interface Contender extends Contestant {
  readonly controller: string;
  /** Processes that the controller needs for all of its pods together, beside the daemon. */
  readonly shared: () => readonly number[];
}

import type { ProcessIdentity } from "@crib/sandboxer";

import { KnownPod } from "../known-pods/known-pod.ts";

/** Where a sandbox stands as crib brought it; that it has ended is told by `KnownPod.exit`. */
export type ProxiedState =
  | { readonly kind: "created" }
  | {
      readonly kind: "ready";
      readonly process?: ProcessIdentity;
      /** That process is the pod's for certain: its end is the pod's. */
      readonly hasOwnProcess: boolean;
    };

/** Since when nobody can tell how a sandbox fares, and why. */
export interface Untold {
  readonly since: Date;
  readonly reason: string;
}

/** What is kept of a sandbox from `create` or `adopt` to `shutdown`. */
export class ProxiedPod extends KnownPod {
  /** Start is under way. */
  isStarting = false;
  override state: ProxiedState = { kind: "created" };
  /** Set from the loss of its sandboxer, or of its answers, until that has told of it again. */
  untold: Untold | undefined;
}

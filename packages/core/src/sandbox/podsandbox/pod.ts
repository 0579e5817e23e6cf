import type { ProcessIdentity, Sandbox } from "@crib/sandboxer";

import { KnownPod } from "../known-pods/known-pod.ts";
import type { RootfsMount } from "./types.ts";

/** Where the boundary of a pod stands; that it has ended is told by `KnownPod.exit`. */
export type PodState =
  | { readonly kind: "created" }
  | { readonly kind: "ready"; readonly createdAt: Date; readonly process?: ProcessIdentity };

/** What the controller keeps of a pod from `create` or `adopt` to `shutdown`. */
export class Pod extends KnownPod {
  readonly hasPause: boolean;
  override state: PodState = { kind: "created" };
  /** What the shim mounts for the pause; known from `create` to `start`. */
  rootfsMounts: readonly RootfsMount[] = [];
  /** The pause task has been killed and deleted by the shim itself: nothing of it is left to look for. */
  isTaskDeleted = false;

  constructor(sandbox: Sandbox, hasPause: boolean) {
    super(sandbox);
    this.hasPause = hasPause;
  }
}

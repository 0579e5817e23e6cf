import type { ProcessIdentity, Sandbox } from "@crib/sandboxer";

import { PodExit } from "./pod-exit.ts";
import type { RootfsMount } from "./types.ts";

/** Where the boundary of a pod stands; that it has ended is told by `Pod.exit`. */
export type PodState =
  | { readonly kind: "created" }
  | { readonly kind: "ready"; readonly createdAt: Date; readonly process?: ProcessIdentity };

/** What the controller keeps of a pod from `create` or `adopt` to `shutdown`. */
export class Pod {
  readonly sandbox: Sandbox;
  readonly hasPause: boolean;
  readonly exit = new PodExit();
  state: PodState = { kind: "created" };
  /** What the shim mounts for the pause; known from `create` to `start`. */
  rootfsMounts: readonly RootfsMount[] = [];
  /** The pause task has been killed and deleted by the shim itself: nothing of it is left to look for. */
  isTaskDeleted = false;
  /** Aborted when the pod is being shut down: what watches it stops. */
  readonly leaving = new AbortController();

  constructor(sandbox: Sandbox, hasPause: boolean) {
    this.sandbox = sandbox;
    this.hasPause = hasPause;
  }

  get process(): ProcessIdentity | undefined {
    return this.state.kind === "ready" ? this.state.process : undefined;
  }
}

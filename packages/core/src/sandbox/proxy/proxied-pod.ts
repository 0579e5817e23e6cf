import type { ProcessIdentity, Sandbox } from "@crib/sandboxer";

import { PodExit } from "../podsandbox/pod-exit.ts";

/** Where a sandbox stands as crib brought it; that it has ended is told by `ProxiedPod.exit`. */
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
export class ProxiedPod {
  /** As it was last told of. */
  sandbox: Sandbox;
  readonly exit = new PodExit();
  /** Start is under way. */
  isStarting = false;
  state: ProxiedState = { kind: "created" };
  /** Set from the loss of its sandboxer, or of its answers, until that has told of it again. */
  untold: Untold | undefined;
  /** Aborted when it is shut down, or the daemon ends: what watches it stops. */
  readonly leaving = new AbortController();

  constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  get id(): string {
    return this.sandbox.id;
  }

  get process(): ProcessIdentity | undefined {
    return this.state.kind === "ready" ? this.state.process : undefined;
  }
}

import type { ProcessIdentity, Sandbox } from "@crib/sandboxer";

import { PodExit } from "../podsandbox/pod-exit.ts";

/** Where a pod stands; that it has ended is told by `KnownPod.exit`. */
export type KnownState =
  | { readonly kind: "creating" | "created" | "starting" }
  | { readonly kind: "ready"; readonly process?: ProcessIdentity };

/** What a controller of any kind keeps of a pod from `create` or `adopt` to `shutdown`. */
export abstract class KnownPod {
  /** As it was last told of. */
  sandbox: Sandbox;
  readonly exit: PodExit = new PodExit();
  abstract state: KnownState;
  /** Aborted when the pod is being shut down, or the daemon ends: what watches it stops. */
  readonly leaving: AbortController = new AbortController();

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

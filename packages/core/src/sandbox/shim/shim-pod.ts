import type { ProcessIdentity, Sandbox } from "@crib/sandboxer";

import { PodExit } from "../podsandbox/pod-exit.ts";
import type { ShimLink } from "./client/shim-link.ts";

/** Where the sandbox of a shim stands; that it has ended is told by `ShimPod.exit`. */
export type ShimPodState =
  | { readonly kind: "creating" | "created" | "starting" }
  | { readonly kind: "ready"; readonly createdAt: Date; readonly process?: ProcessIdentity };

/** What the controller keeps of a pod from `create` or `adopt` to `shutdown`. */
export class ShimPod {
  readonly sandbox: Sandbox;
  readonly exit = new PodExit();
  state: ShimPodState = { kind: "creating" };
  /** Undefined until the shim has said where it answers. */
  link: ShimLink | undefined;
  /** Aborted when the pod is being shut down: what watches it stops. */
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

import type { ProcessIdentity } from "@crib/sandboxer";

import { KnownPod } from "../known-pods/known-pod.ts";
import type { ShimLink } from "./client/shim-link.ts";

/** Where the sandbox of a shim stands; that it has ended is told by `KnownPod.exit`. */
export type ShimPodState =
  | { readonly kind: "creating" | "created" | "starting" }
  | { readonly kind: "ready"; readonly createdAt: Date; readonly process?: ProcessIdentity };

/** What the controller keeps of a pod from `create` or `adopt` to `shutdown`. */
export class ShimPod extends KnownPod {
  override state: ShimPodState = { kind: "creating" };
  /** Undefined until the shim has said where it answers. */
  link: ShimLink | undefined;
}

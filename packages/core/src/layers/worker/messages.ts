import type { Code } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import type { IdMappings } from "../../snapshots/types.ts";
import type { UnpackedLayer, UnpackJob } from "../types.ts";

/** What a worker can be asked to do; all of it is cloned on its way. */
export type JobRequest =
  | { readonly kind: "unpack"; readonly job: UnpackJob }
  | {
      readonly kind: "settle";
      readonly target: string;
      readonly layer: UnpackedLayer;
      readonly below: readonly string[];
    }
  | { readonly kind: "copy"; readonly root: string; readonly path: string; readonly target: string }
  | {
      readonly kind: "pack";
      readonly path: string;
      readonly mappings: IdMappings | undefined;
      readonly target: string;
    }
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "usage"; readonly path: string }
  | { readonly kind: "hash"; readonly path: string; readonly algorithm: "sha256" | "sha512" }
  | { readonly kind: "sync"; readonly path: string };

/** What each kind of job gives. */
export interface JobResults {
  readonly unpack: UnpackedLayer;
  readonly settle: null;
  readonly copy: { readonly isThere: boolean };
  readonly pack: { readonly size: number };
  readonly remove: null;
  readonly usage: { readonly bytes: number; readonly inodes: number };
  readonly hash: { readonly digest: Digest; readonly size: number };
  readonly sync: null;
}

/** To a worker: a new job with its shared memory; that the shared memory of one is worth a look; that no more jobs follow. */
export type ToWorker =
  | { readonly kind: "start"; readonly id: number; readonly request: JobRequest; readonly shared: SharedArrayBuffer }
  | { readonly kind: "wake"; readonly id: number }
  | { readonly kind: "end" };

/** From a worker: once when it has started, once for each job. Errors travel as what they are made of. */
export type FromWorker =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly id: number; readonly result: JobResults[JobRequest["kind"]] }
  | { readonly kind: "failed"; readonly id: number; readonly code: Code; readonly message: string };

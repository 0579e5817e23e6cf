import type { Code } from "@crib/errdefs";

import type { LogRequest } from "../types.ts";

/** The name of an output; as it stands in the log. */
export type OutputName = "stdout" | "stderr";

/** What the thread copies for one container. */
export interface CopyRequest {
  readonly id: string;
  readonly fifos: readonly { readonly name: OutputName; readonly path: string }[];
  readonly log?: LogRequest;
  /** A last line of the log that was torn is ended first. */
  readonly isMended: boolean;
  /** FIFOs are of an earlier daemon: they may be sealed, and outputs that nobody holds open have ended; else somebody is waited for. */
  readonly isAdopted: boolean;
}

/** What the thread is asked and answers, with `done` or `failed`. */
export type LogCall =
  | { readonly kind: "open"; readonly request: CopyRequest }
  | { readonly kind: "reopen"; readonly id: string }
  /** Answered when all that was told before has been taken in. */
  | { readonly kind: "heed" }
  | { readonly kind: "close"; readonly id: string }
  /** Everything that was read is written, FIFOs are sealed for the next daemon, everything is closed, and the thread ends. */
  | { readonly kind: "end" };

export type ToLogWorker =
  | { readonly kind: "call"; readonly number: number; readonly call: LogCall }
  /** Whether clients want the container's output as well. */
  | { readonly kind: "tap"; readonly id: string; readonly isOn: boolean }
  /** Clients have taken so many bytes of output. */
  | { readonly kind: "taken"; readonly id: string; readonly bytes: number };

export type FromLogWorker =
  | { readonly kind: "done"; readonly number: number }
  | { readonly kind: "failed"; readonly number: number; readonly code: Code; readonly message: string }
  | { readonly kind: "output"; readonly id: string; readonly name: OutputName; readonly bytes: Uint8Array }
  /** All outputs of the container have ended and are written. */
  | { readonly kind: "ended"; readonly id: string }
  | {
      readonly kind: "note";
      readonly level: "info" | "warn";
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };

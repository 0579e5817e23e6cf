import { Code, StatusError } from "@crib/errdefs";

import type { CniCommand } from "./execution/plugin-exec.ts";

/** What is known of a plugin run that went wrong. */
export interface PluginFailure {
  /** The `type` of the plugin, which is its file name. */
  readonly plugin: string;
  readonly command: CniCommand;
  /** The number the plugin gave (specification, "Error"); absent when it printed no CNI error. */
  readonly cniCode?: number | undefined;
  readonly details?: string;
  /** The last 64 KiB of what it wrote to stderr. */
  readonly stderr?: string;
}

/** Codes of the specification with a gRPC meaning; 100 and above belong to the plugin. */
const byCniCode: Readonly<Record<number, Code>> = {
  1: Code.FailedPrecondition,
  2: Code.InvalidArgument,
  3: Code.NotFound,
  4: Code.InvalidArgument,
  5: Code.Unavailable,
  6: Code.InvalidArgument,
  7: Code.InvalidArgument,
  8: Code.FailedPrecondition,
  11: Code.Unavailable,
  50: Code.Unavailable,
  51: Code.Unavailable,
  999: Code.Internal,
};

/** The gRPC code for a CNI error code: by the specification's table, else `Unknown`. */
export function codeOfCniCode(cniCode: number): Code {
  return byCniCode[cniCode] ?? Code.Unknown;
}

/**
 * A plugin that failed, or whose output is no valid answer. `code` follows from the plugin's own code where it gave one,
 * is `DeadlineExceeded` or `Canceled` when it was killed, and `Internal` for output that breaks the specification.
 */
export class PluginError extends StatusError {
  static {
    this.prototype.name = "PluginError";
  }

  readonly plugin: string;
  readonly command: CniCommand;
  readonly cniCode: number | undefined;
  readonly details: string;
  readonly stderr: string;

  constructor(code: Code, message: string, failure: PluginFailure, options?: ErrorOptions) {
    super(code, message, options);
    this.plugin = failure.plugin;
    this.command = failure.command;
    this.cniCode = failure.cniCode;
    this.details = failure.details ?? "";
    this.stderr = failure.stderr ?? "";
  }
}

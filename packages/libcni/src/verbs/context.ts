import type { AttachmentCache } from "../cache/attachment-cache.ts";
import type { CniCommand, PluginExec } from "../execution/plugin-exec.ts";
import type { ProcessSlots } from "../execution/process-slots.ts";

/** What a plugin wrote to stderr, for the caller's log. */
export interface PluginStderr {
  readonly plugin: string;
  readonly command: CniCommand;
  readonly containerId?: string;
  /** The last 64 KiB. */
  readonly text: string;
}

/** Budgets in milliseconds of one plugin's run; the whole call is bounded by the caller's signal. */
export interface CniTimeouts {
  /** Default 90 s. */
  readonly addMs: number;
  /** Default 60 s. */
  readonly delMs: number;
  /** Default 30 s. */
  readonly checkMs: number;
  /** Default 10 s. */
  readonly statusMs: number;
  /** Default 60 s. */
  readonly gcMs: number;
  /** Default 10 s. */
  readonly versionMs: number;
  /** What ADD, DEL and GC of a plugin still get after the signal aborted, see `PluginRun`. Default 1 s; 0 kills at once. */
  readonly abortGraceMs: number;
}

/** What every verb works with. */
export interface CniContext {
  readonly exec: PluginExec;
  readonly pluginDirs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeouts: CniTimeouts;
  readonly slots: ProcessSlots;
  readonly cache: AttachmentCache;
  readonly onStderr: (stderr: PluginStderr) => void;
}

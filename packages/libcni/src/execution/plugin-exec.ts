/** The verbs of the specification, as `CNI_COMMAND` spells them. */
export type CniCommand = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC" | "VERSION";

/** One run of a plugin's binary. */
export interface PluginRun {
  /** Absolute path, from `PluginExec.find`. */
  readonly path: string;
  /** For messages only. */
  readonly plugin: string;
  /** For messages only; the plugin reads it from `env`. */
  readonly command: CniCommand;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** Milliseconds after which the plugin and its children are killed. */
  readonly budgetMs: number;
  /**
   * Milliseconds that the plugin gets, within its budget, to end by itself after the signal aborted. Killing it in the middle
   * can leave what no DEL finds again: host-local makes a lease file before it writes the owner into it.
   */
  readonly abortGraceMs: number;
}

/** How a plugin ended by itself. */
export interface PluginExit {
  /** Absent when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly killedBy: string | undefined;
  /** At most 1 MiB; a run that prints more fails. */
  readonly stdout: string;
  /** The last 64 KiB. */
  readonly stderr: string;
}

/** The seam to the outside world: everything libcni does to find and run programs. */
export interface PluginExec {
  /** The path of the first plugin of that name in `dirs`. `FailedPrecondition` naming every directory searched. */
  find(type: string, dirs: readonly string[]): Promise<string>;
  /**
   * Runs a plugin to its end. Rejects with a `PluginError` when it cannot be started, exceeds its budget, prints too much or
   * the signal aborts and the grace is over; by then the plugin and its process group are dead, so that the caller can undo what it did.
   */
  run(run: PluginRun, signal: AbortSignal): Promise<PluginExit>;
}

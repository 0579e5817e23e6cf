/** What a reload has done; a sentence each, naming what it is about. */
export interface ReloadReport {
  /** What is in force now. */
  readonly changed: readonly string[];
  /** What stays as it was, although the file says otherwise, and why. */
  readonly kept: readonly string[];
  /** Keys whose change takes effect with the next start, such as `[cni] conf_dir`. */
  readonly needsRestart: readonly string[];
  /** Handlers that cannot run pods, and why. */
  readonly broken: readonly string[];
}

/** What `createRuncTasks` is given. */
export interface RuncTasksOptions {
  /** The OCI runtime: a name on PATH or an absolute path. Default `runc`. */
  readonly binary?: string;
  /** Where the OCI runtime keeps the state of containers (`--root`). Absolute. */
  readonly root: string;
  /** Files of this service: pid files, sockets for terminals. Absolute; made when missing. */
  readonly stateDir: string;
  /** Cgroups are made through systemd. Default false. */
  readonly systemdCgroup?: boolean;
  /** Told of what the service does and cannot report to a caller. Default: nobody. */
  readonly log?: (
    level: "debug" | "info" | "warn" | "error",
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ) => void;
}

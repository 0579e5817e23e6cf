import { Code, StatusError } from "@crib/errdefs";
import type { SandboxController } from "@crib/sandboxer";

import { checkConfigFile, type ConfigCheck, parseConfig } from "../daemon/config/load-config.ts";
import type { ConfigFlags } from "../daemon/config/types.ts";
import { logTo } from "../daemon/log.ts";
import { startDaemon } from "../daemon/start-daemon.ts";

/** What `startCrib` is given. */
export interface CribOptions {
  /** The configuration: TOML text, or a file. Default: all defaults, and the file at the default path is not read. */
  readonly config?: string | { readonly file: string };
  /** What the command line's flags set, over the configuration. */
  readonly flags?: ConfigFlags;
  /** Controllers beside crib's own, by the name that `[runtimes.NAME] controller` names them by. */
  readonly controllers?: Readonly<Record<string, SandboxController>>;
  /** Takes the daemon's log, one JSON object a line. Default: nobody. */
  readonly onLog?: (line: string) => void;
}

/** A daemon inside this process. Disposing of it stops serving; pods stay. */
export interface EmbeddedCrib extends AsyncDisposable {
  /** Where the CRI is served: for `connectCri`, the kubelet or crictl. */
  readonly socket: string;
  /** Reads the configuration file again. A failure is in the log, and changes nothing. */
  reload(): Promise<void>;
  /** Stops serving: what is under way has 10 s to end, pods stay. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts a crib daemon in this process, root's, and settles when it serves. The process's umask becomes 077, since all that the
 * daemon makes must be closed to others from birth. Errors: InvalidArgument (configuration, with every mistake), FailedPrecondition (another
 * daemon has the directories or the socket), AlreadyExists (a controller's name is taken).
 */
export async function startCrib(options: CribOptions = {}): Promise<EmbeddedCrib> {
  const { flags = {}, controllers, onLog } = options;
  const readConfig = (): ConfigCheck => check(options.config ?? "", flags);
  const checked = readConfig();
  if (checked.kind === "invalid") {
    throw new StatusError(Code.InvalidArgument, `starting crib: ${checked.problems.join("; ")}`);
  }
  const { config } = checked;
  process.umask(0o077);
  const log = logTo({ write: (line) => onLog?.(line) }, config.log.level);
  const daemon = await startDaemon(config, { log, readConfig, ...(controllers && { controllers }) });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= daemon.stop());
  return { socket: config.socket, reload: () => daemon.reload(), stop, [Symbol.asyncDispose]: stop };
}

function check(config: NonNullable<CribOptions["config"]>, flags: ConfigFlags): ConfigCheck {
  return typeof config === "string" ? parseConfig(config, flags) : checkConfigFile(config.file, flags);
}

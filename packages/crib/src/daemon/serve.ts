import { cribVersion } from "../version.ts";
import type { ConfigCheck } from "./config/load-config.ts";
import type { DaemonConfig } from "./config/types.ts";
import { Hangups } from "./hangups.ts";
import { keepCompiled } from "./keep-compiled.ts";
import { openLog } from "./log.ts";
import { notifyReady } from "./ready-notice.ts";
import { startDaemon } from "./start-daemon.ts";

/** What serving may be given beside the configuration. */
export interface ServeOptions {
  /** Reads the configuration again, for reloads. Default: reloads are refused. */
  readonly readConfig?: () => ConfigCheck;
}

/** Serves until SIGTERM or SIGINT, then settles; pods stay. SIGHUP reads the configuration again. */
export async function serve(config: DaemonConfig, options: ServeOptions = {}): Promise<void> {
  const log = openLog(config.log);
  const stopped = nextStopSignal();
  const hangups = new Hangups();
  // Set once: every socket, file and directory that follows is closed to other users from birth.
  process.umask(0o077);
  const daemon = await startDaemon(config, { ...options, log });
  hangups.follow(() => daemon.reload());
  notifyReady(log);
  const startMs = Math.round(performance.now());
  log.info({ socket: config.socket, version: cribVersion(), pods: daemon.pods, startMs }, "crib is ready");
  keepCompiled();
  const signal = await stopped;
  log.info({ signal }, "crib is stopping; pods stay");
  await daemon.stop();
}

function nextStopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve(signal));
  });
}

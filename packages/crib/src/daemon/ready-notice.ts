import { execFile } from "node:child_process";

import type { Log } from "./log.ts";

/** Tells systemd (sd_notify(3), `Type=notify`) that the daemon serves; nothing where nobody asked. scripts/soak vm tests it. */
export function notifyReady(log: Log): void {
  if (process.env["NOTIFY_SOCKET"] === undefined) return;
  execFile("systemd-notify", ["--ready", `--pid=${process.pid}`], { timeout: 5_000 }, (error) => {
    if (error) log.warn({ error: error.message }, "systemd could not be told that crib is ready");
  });
}

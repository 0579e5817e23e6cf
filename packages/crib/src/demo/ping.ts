import { execFile } from "node:child_process";

import { Code, StatusError } from "@crib/errdefs";

/** Milliseconds for all answers. */
const pingMs = 20_000;

/** Pings an address from within a network namespace and gives the lines of the answers. Unavailable when one is missing. */
export function ping(netns: string, address: string, signal: AbortSignal): Promise<readonly string[]> {
  const args = [`--net=${netns}`, "ping", "-n", "-c", "3", "-i", "0.2", "-W", "2", address];
  return new Promise((resolve, reject) => {
    execFile("nsenter", args, { timeout: pingMs, signal, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
      const lines = stdout.split("\n");
      if (!error) return resolve(lines.filter((line) => line.includes("icmp_seq=")));
      const summary = lines.find((line) => line.includes("packet loss"));
      const why = stderr.trim() || summary || error.message;
      reject(new StatusError(Code.Unavailable, `pinging ${address}: ${why}`, { cause: error }));
    });
  });
}

import { execFile } from "node:child_process";

import { Code, StatusError } from "@crib/errdefs";

/** Milliseconds for a listing of the host. */
const toolMs = 20_000;
const maxOutputBytes = 256 * 1024 * 1024;

/** The standard output of a program that lists something. NotFound when it is not installed; Unknown with its message when it fails. */
export function runTool(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: toolMs, maxBuffer: maxOutputBytes, killSignal: "SIGKILL" } as const;
    execFile(program, [...args], options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const doing = `running ${program} ${args.join(" ")}`;
      if (error.code === "ENOENT") return reject(new StatusError(Code.NotFound, `${doing}: not installed`));
      const why = error.killed ? `no answer within ${toolMs} ms` : stderr.trim() || error.message;
      reject(new StatusError(Code.Unknown, `${doing}: ${why}`, { cause: error }));
    });
  });
}

import type { SandboxerLog } from "./sandboxes/types.ts";

/** Writes JSON lines to the standard error stream. */
export const logToStderr: SandboxerLog = (level, message, fields) => {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
};

import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

const running = new Map<string, Promise<string>>();

/**
 * What a program prints to its standard output, 1 MB at most. Handlers that are judged at the same time mostly have the same runtime:
 * whoever asks the same while it runs gets the same answer. Rejects when it fails, or takes longer than this many milliseconds.
 */
export async function askProgram(path: string, argument: string, timeoutMs: number): Promise<string> {
  const key = JSON.stringify([path, argument, timeoutMs]);
  const answer = running.get(key) ?? ask(path, argument, timeoutMs);
  running.set(key, answer);
  try {
    return await answer;
  } finally {
    running.delete(key);
  }
}

async function ask(path: string, argument: string, timeoutMs: number): Promise<string> {
  const { stdout } = await run(path, [argument], { timeout: timeoutMs, maxBuffer: 1024 * 1024 });
  return stdout;
}

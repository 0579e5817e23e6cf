import { spawn } from "node:child_process";

/** How a program ended. */
export interface Ended {
  /** Absent when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Rejects when it cannot be started, or ends with another code than 0 unless `mayFail`. */
export function runProgram(
  argv: readonly [string, ...string[]],
  options: { readonly stdin?: string; readonly env?: NodeJS.ProcessEnv; readonly mayFail?: boolean } = {},
): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const [file, ...args] = argv;
  const child = spawn(file, args, { stdio: "pipe", env: options.env ?? process.env });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A program that does not read its input is no failure of ours.
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  child.on("error", reject);
  child.on("close", (exitCode) => {
    const ended = {
      exitCode: exitCode ?? undefined,
      stdout: Buffer.concat(stdout).toString(),
      stderr: Buffer.concat(stderr).toString(),
    };
    if (exitCode === 0 || options.mayFail) resolve(ended);
    else reject(new Error(`${argv.join(" ")}: ended with ${exitCode}: ${ended.stderr || ended.stdout}`));
  });
  return promise;
}

/** What a program prints on its standard output. */
export async function outputOf(...argv: readonly [string, ...string[]]): Promise<string> {
  return (await runProgram(argv)).stdout;
}

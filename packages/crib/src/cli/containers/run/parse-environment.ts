import { Code, StatusError } from "@crib/errdefs";

/** One variable of a container's environment. */
export interface Variable {
  readonly key: string;
  readonly value: Uint8Array;
}

/**
 * Reads `K=V`, or `K` for the value that crib itself was started with; undefined when it has none. InvalidArgument for an
 * empty name.
 */
export function parseVariable(text: string, env: NodeJS.ProcessEnv, from = "--env"): Variable | undefined {
  const equals = text.indexOf("=");
  const key = equals < 0 ? text : text.slice(0, equals);
  if (key === "") throw new StatusError(Code.InvalidArgument, `reading ${from} "${text}": expected NAME=VALUE or NAME`);
  const value = equals < 0 ? env[key] : text.slice(equals + 1);
  return value === undefined ? undefined : { key, value: Buffer.from(value) };
}

/** Reads the variables of a file: one a line as for `--env`; empty lines and those that begin with `#` are left out. */
export function parseEnvironmentFile(text: string, env: NodeJS.ProcessEnv): readonly Variable[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .flatMap((line) => parseVariable(line, env, "--env-file") ?? []);
}

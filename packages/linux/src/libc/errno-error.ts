import { constants } from "node:os";
import { getSystemErrorMessage, getSystemErrorName } from "node:util";

import { Code, StatusError } from "@crib/errdefs";

/**
 * The error of a failed system call, from its negative result: "doing what: EPERM: operation not permitted", with the
 * code that the errno stands for. The cause carries `code` ("EPERM") and `errno` (-1) as errors of `node:fs` do.
 */
export function errnoError(result: number, doing: string): StatusError {
  const [name, why] = describe(result);
  const cause = Object.assign(new Error(`${name}: ${why}`), { code: name, errno: result });
  return StatusError.from(cause, doing);
}

function describe(result: number): readonly [name: string, why: string] {
  // libuv, which knows the rest, has no word for it: no binary for this machine and no script either, execve(2).
  if (result === -constants.errno.ENOEXEC) return ["ENOEXEC", "exec format error"];
  return [getSystemErrorName(result), getSystemErrorMessage(result)];
}

/** Gives the result of a system call when it succeeded, throws `errnoError` when it is negative. */
export function check(result: number, doing: string): number {
  if (result < 0) throw errnoError(result, doing);
  return result;
}

/** The name of the errno ("ENOENT") that an error or its cause carries, if any. */
export function errnoName(reason: unknown): string | undefined {
  for (let error = reason; error instanceof Error; error = error.cause) {
    const code = (error as { code?: unknown }).code;
    if (typeof code === "string" && code.startsWith("E")) return code;
  }
  return undefined;
}

/** Node itself refuses some arguments, a NUL in a path for one, before it asks the kernel. */
function classify(reason: unknown, doing: string): StatusError {
  const isRefused = reason instanceof Error && (reason as { code?: unknown }).code === "ERR_INVALID_ARG_VALUE";
  if (isRefused) return new StatusError(Code.InvalidArgument, `${doing}: ${reason.message}`, { cause: reason });
  return StatusError.from(reason, doing);
}

/** Runs a call that throws errors with an errno (`node:fs`) and classifies what it throws. */
export function attempt<T>(doing: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw classify(error, doing);
  }
}

/** As `attempt`, for calls that settle later. */
export async function attemptAsync<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw classify(error, doing);
  }
}

import { Code } from "./code.ts";

const byErrno: Readonly<Record<string, Code>> = {
  EACCES: Code.PermissionDenied,
  EPERM: Code.PermissionDenied,
  EROFS: Code.PermissionDenied,
  ENOENT: Code.NotFound,
  ESRCH: Code.NotFound,
  ENODEV: Code.NotFound,
  EEXIST: Code.AlreadyExists,
  EINVAL: Code.InvalidArgument,
  E2BIG: Code.InvalidArgument,
  ENAMETOOLONG: Code.InvalidArgument,
  ENOSPC: Code.ResourceExhausted,
  EDQUOT: Code.ResourceExhausted,
  EMFILE: Code.ResourceExhausted,
  ENFILE: Code.ResourceExhausted,
  ENOMEM: Code.ResourceExhausted,
  EAGAIN: Code.Unavailable,
  ECONNREFUSED: Code.Unavailable,
  ECONNRESET: Code.Unavailable,
  EPIPE: Code.Unavailable,
  ETXTBSY: Code.Unavailable,
  EBUSY: Code.FailedPrecondition,
  ENOTEMPTY: Code.FailedPrecondition,
  ENOTDIR: Code.FailedPrecondition,
  ENOEXEC: Code.FailedPrecondition,
  ENOSYS: Code.Unimplemented,
  EOPNOTSUPP: Code.Unimplemented,
  ETIMEDOUT: Code.DeadlineExceeded,
};

const byName: Readonly<Record<string, Code>> = {
  AbortError: Code.Canceled,
  TimeoutError: Code.DeadlineExceeded,
};

function isCode(value: unknown): value is Code {
  return typeof value === "number" && value >= Code.Canceled && value <= Code.Unauthenticated;
}

/**
 * The one error of crib: a message ("doing what: why") and a gRPC code. Callers test `code`, never the text.
 * Errors of other origin are converted where they enter, by `StatusError.from`, and stay on `cause`.
 */
export class StatusError extends Error {
  static {
    this.prototype.name = "StatusError";
  }

  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Classifies anything caught at a boundary by its own code, its errno or its name; all else is `Unknown`. */
  static from(reason: unknown, doing?: string): StatusError {
    const error = (reason instanceof Error ? reason : new Error(String(reason))) as Error & { code?: unknown };
    if (doing === undefined && error instanceof StatusError) return error;
    const code = isCode(error.code)
      ? error.code
      : ((typeof error.code === "string" ? byErrno[error.code] : undefined) ?? byName[error.name] ?? Code.Unknown);
    const message = doing === undefined ? error.message : `${doing}: ${error.message}`;
    return new StatusError(code, message, { cause: reason });
  }
}

/** Whether anything thrown carries this code, without regard to the package that made it. */
export function hasCode(reason: unknown, code: Code): boolean {
  return reason instanceof Error && (reason as Error & { code?: unknown }).code === code;
}

import { type Code, StatusError } from "@crib/errdefs";

/** Why one request to one host failed, and what that means for further ones. Its message names no host. */
export class RequestFailure extends StatusError {
  static {
    this.prototype.name = "RequestFailure";
  }

  /** Whether the same host may give a better answer to the same request. */
  readonly retry: boolean;
  /** Milliseconds that the host asked to wait for. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: Code,
    message: string,
    options: ErrorOptions & { readonly retry: boolean; readonly retryAfterMs?: number },
  ) {
    super(code, message, options);
    this.retry = options.retry;
    this.retryAfterMs = options.retryAfterMs;
  }
}

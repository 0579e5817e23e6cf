/** How a client command reaches the daemon. */
export interface EndpointOptions {
  readonly socket: string;
  /** Seconds. */
  readonly timeout: string;
}

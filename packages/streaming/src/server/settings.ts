import type { StreamingLog, StreamingServerOptions } from "../types.ts";

/** The options with their defaults. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly baseUrl: string | undefined;
  readonly tokenMs: number;
  readonly maxTokens: number;
  readonly maxSessions: number;
  readonly idleMs: number;
  readonly creationMs: number;
  readonly log: StreamingLog;
}

export function resolveSettings(options: StreamingServerOptions): Settings {
  return {
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 0,
    tls: options.tls,
    baseUrl: options.baseUrl?.replace(/\/+$/, ""),
    tokenMs: options.tokenMs ?? 60_000,
    maxTokens: options.maxTokens ?? 1000,
    maxSessions: options.maxSessions ?? 1000,
    idleMs: options.idleMs ?? 4 * 60 * 60 * 1000,
    creationMs: options.creationMs ?? 30_000,
    log: options.log,
  };
}

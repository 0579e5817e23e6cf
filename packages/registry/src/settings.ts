import type { RegistryOptions } from "./types.ts";

/** The numbers of `RegistryOptions`, defaults filled in. */
export type Settings = Readonly<Required<Omit<RegistryOptions, "configPaths" | "onRetry">>> &
  Pick<RegistryOptions, "onRetry">;

/** Fills in the defaults that `RegistryOptions` documents. */
export function resolveSettings(options: RegistryOptions): Settings {
  return {
    manifestLimitBytes: options.manifestLimitBytes ?? 4 << 20,
    requestsPerHost: options.requestsPerHost ?? 8,
    tries: options.tries ?? 5,
    retryMinMs: options.retryMinMs ?? 200,
    stallMs: options.stallMs ?? 30_000,
    retryAfterLimitMs: options.retryAfterLimitMs ?? 60_000,
    redirects: options.redirects ?? 5,
    ...(options.onRetry !== undefined && { onRetry: options.onRetry }),
  };
}

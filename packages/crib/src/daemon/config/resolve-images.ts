import { parseDuration } from "./duration.ts";
import type { ConfigFile } from "./file-schema.ts";
import { parseSize } from "./size.ts";
import type { ImageLimits, ImagesConfig, RegistryConfig } from "./types.ts";

/** Where mirrors and certificates of registries are described; containerd's directory too, so that nodes need no second one. */
const defaultConfigPaths = ["/etc/crib/certs.d", "/etc/containerd/certs.d"];

/** Fills in what the table leaves open. */
export function resolveRegistry(registry: ConfigFile["registry"]): RegistryConfig {
  const paths = registry?.config_path ?? defaultConfigPaths;
  return {
    configPaths: typeof paths === "string" ? paths.split(":") : paths,
    authFiles: registry?.auth_files ?? [],
    requestsPerHost: registry?.requests_per_host ?? 8,
    tries: registry?.tries ?? 5,
    retryMinMs: parseDuration(registry?.retry_min ?? "200ms") ?? 0,
    stallMs: parseDuration(registry?.stall_timeout ?? "30s") ?? 0,
    retryAfterLimitMs: parseDuration(registry?.retry_after_limit ?? "60s") ?? 0,
    redirects: registry?.redirects ?? 5,
  };
}

/** Fills in what the table leaves open. */
export function resolveImages(images: ConfigFile["images"]): ImagesConfig {
  return {
    pauseImage: images?.pause_image ?? "",
    maxConcurrentDownloads: images?.max_concurrent_downloads ?? 3,
    maxTotalDownloads: images?.max_total_downloads ?? 8,
    unpackWorkers: images?.unpack_workers ?? 2,
    sync: images?.sync ?? true,
    keepPartialsMs: parseDuration(images?.keep_partials ?? "10m") ?? 0,
    progressTimeoutMs: parseDuration(images?.progress_timeout ?? "5m") ?? 0,
    limits: resolveLimits(images?.limits),
  };
}

/** The defaults are those that the readers of manifests, configurations and layers document. */
function resolveLimits(limits: NonNullable<ConfigFile["images"]>["limits"]): ImageLimits {
  return {
    manifestBytes: parseSize(limits?.manifest_size ?? "4MiB") ?? 0,
    configBytes: parseSize(limits?.config_size ?? "8MiB") ?? 0,
    manifests: limits?.manifests ?? 1_000,
    layers: limits?.layers ?? 512,
    unpackedBytes: parseSize(limits?.unpacked_size ?? "64GiB") ?? 0,
    entries: limits?.entries ?? 5_000_000,
    headerBytes: parseSize(limits?.header_size ?? "1MiB") ?? 0,
    pathBytes: parseSize(limits?.path_size ?? "4KiB") ?? 0,
  };
}

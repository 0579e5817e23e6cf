import { stat } from "node:fs/promises";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import { BoundedMap } from "../bounded-map.ts";
import { defaultScheme, serverOf } from "./default-endpoint.ts";
import type { Endpoint, TlsMaterial } from "./endpoint.ts";
import { portOf } from "./host-name.ts";
import { type HostEntry, parseHostsFile } from "./hosts-file.ts";
import { plainTls, readDirectoryTls, readEntryTls, tlsMaterial } from "./tls-material.ts";
import { WatchedFiles } from "./watched-files.ts";

interface Loaded {
  readonly directory: string | undefined;
  readonly files: WatchedFiles;
  readonly endpoints: readonly Endpoint[];
}

/** Says where images of a registry come from, by the directories of `RegistryOptions.configPaths`. */
export class Endpoints {
  readonly #configPaths: readonly string[];
  // Names come from whoever asks for images, so there is no end to them.
  readonly #loaded = new BoundedMap<Loaded>(256);

  constructor(configPaths: readonly string[]) {
    this.#configPaths = configPaths;
  }

  /**
   * The endpoints of a registry, in the order in which they are asked; at least one. Files are read again when they have
   * changed. FailedPrecondition when they have a mistake: an administrator who names a mirror wants no other one.
   */
  async of(registry: string): Promise<readonly Endpoint[]> {
    const directory = await this.#directoryOf(registry);
    const known = this.#loaded.find(registry);
    if (known !== undefined && known.directory === directory && (await known.files.areUnchanged())) {
      return known.endpoints;
    }
    const files = new WatchedFiles();
    const endpoints = directory === undefined ? [plainEndpoint(registry)] : await load(registry, directory, files);
    this.#loaded.set(registry, { directory, files, endpoints });
    return endpoints;
  }

  async #directoryOf(registry: string): Promise<string | undefined> {
    for (const path of this.#configPaths) {
      for (const name of directoryNames(registry)) {
        if (await isDirectory(join(path, name))) return join(path, name);
      }
    }
    return undefined;
  }
}

/** `host_5000_` is containerd's form for file systems and archives that do not take a colon. */
function directoryNames(registry: string): readonly string[] {
  const port = portOf(registry);
  const own = port === undefined ? [registry] : [`${registry.slice(0, registry.lastIndexOf(":"))}_${port}_`, registry];
  return [...own, "_default"];
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (reason) {
    const { code } = reason as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw new StatusError(
      Code.FailedPrecondition,
      `looking for registry hosts in "${path}": ${(reason as Error).message}`,
      {
        cause: reason,
      },
    );
  }
}

async function load(registry: string, directory: string, files: WatchedFiles): Promise<readonly Endpoint[]> {
  const path = join(directory, "hosts.toml");
  const text = await files.read(path, "registry hosts");
  if (text === undefined || text === "") {
    return [plainEndpoint(registry, await readDirectoryTls(directory, files))];
  }
  const entries = parseHostsFile(text, path);
  return Promise.all(
    entries.map(async (entry) => toEndpoint(registry, entry, await readEntryTls(entry, directory, files))),
  );
}

function plainEndpoint(registry: string, tls: TlsMaterial = plainTls): Endpoint {
  const host = serverOf(registry);
  const { skipVerify, ...how } = defaultScheme(host);
  return {
    host,
    ...how,
    path: "/v2",
    capabilities: { pull: true, resolve: true },
    // Somebody who gives authorities for a loopback host wants it verified.
    tls: skipVerify && tls === plainTls ? tlsMaterial({ ...plainTls, skipVerify }) : tls,
    headers: {},
    dialTimeoutMs: 30_000,
    proxy: undefined,
    tokenHosts: [],
    credentialsHost: registry,
    namespace: undefined,
  };
}

function toEndpoint(registry: string, entry: HostEntry, tls: TlsMaterial): Endpoint {
  const { capabilities, headers, dialTimeoutMs, proxy, tokenHosts, url } = entry;
  const own = { capabilities, headers, dialTimeoutMs, proxy, tokenHosts };
  const hasTls = entry.ca.length > 0 || entry.clients.length > 0 || entry.skipVerify !== undefined;
  if (url === undefined) return { ...plainEndpoint(registry, hasTls ? tls : plainTls), ...own };
  const host = serverOf(url.host);
  const isOwn = host === serverOf(registry) || `${host}:${url.protocol === "https:" ? 443 : 80}` === registry;
  // containerd's documentation itself has http URLs with TLS settings: those hosts are tried by TLS first.
  const fallsBack = url.protocol === "http:" && hasTls && url.port !== "";
  return {
    host,
    scheme: url.protocol === "https:" || fallsBack ? "https" : "http",
    fallsBack,
    path: pathOf(url, entry.overridePath),
    tls,
    ...own,
    credentialsHost: isOwn ? registry : host,
    namespace: isOwn ? undefined : registry,
  };
}

function pathOf(url: URL, overridePath: boolean): string {
  const path = url.pathname.replace(/\/+$/, "");
  return overridePath || path.endsWith("/v2") ? path : `${path}/v2`;
}

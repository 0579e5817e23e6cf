import { serverOf } from "../hosts/default-endpoint.ts";

/** A key of Docker's configuration, or a server address: what it is for. */
interface ConfigKey {
  readonly host: string;
  /** Segments of the repository that it is limited to; none: all of the host. */
  readonly path: readonly string[];
}

/** Docker Hub's names: keys are written with the first, hosts with the others. */
const hubNames = new Set(["index.docker.io", "docker.io", "registry-1.docker.io"]);

/** Reads `host`, `https://host/v1/` and `host/team/app`. API versions at the beginning of the path say nothing. */
function parseKey(key: string): ConfigKey {
  const text = key.trim().replace(/^https?:\/\//, "");
  const [host = "", ...rest] = text.split("/").filter((part) => part !== "");
  const path = rest[0] === "v1" || rest[0] === "v2" ? rest.slice(1) : rest;
  return { host: canonical(host), path };
}

function canonical(host: string): string {
  const lower = host.toLowerCase().replace(/:443$/, "");
  return hubNames.has(lower) ? serverOf("docker.io") : lower;
}

/** Whether a server address is the registry's, whatever its form. */
export function namesHost(address: string, registryHost: string): boolean {
  return parseKey(address).host === canonical(registryHost);
}

/**
 * How well a key fits: 0 not at all, more for longer paths and for hosts without wildcards. As the kubelet reads them, `*`
 * stands for one label of a host or a part of it; a path is a prefix of whole segments.
 */
export function fitOf(key: string, registryHost: string, repository: string | undefined): number {
  const { host, path } = parseKey(key);
  const wanted = canonical(registryHost);
  const isExact = host === wanted;
  if (!isExact && !matchesWildcard(host, wanted)) return 0;
  const segments = repository?.split("/") ?? [];
  if (path.some((segment, index) => segments[index] !== segment)) return 0;
  return 1 + path.length * 2 + (isExact ? 1 : 0);
}

function matchesWildcard(pattern: string, host: string): boolean {
  if (!pattern.includes("*")) return false;
  const [want, have] = [pattern.split(/[.:]/), host.split(/[.:]/)];
  // The separators must be the same: a port is no label.
  if (pattern.replace(/[^.:]/g, "") !== host.replace(/[^.:]/g, "")) return false;
  return want.every((label, index) => matchesLabel(label, have[index] ?? ""));
}

/** `*` for any number of characters; in time proportional to the text, whatever the pattern. */
function matchesLabel(pattern: string, label: string): boolean {
  const [first = "", ...parts] = pattern.split("*");
  if (!label.startsWith(first)) return false;
  if (parts.length === 0) return label === first;
  const last = parts.pop() ?? "";
  let at = first.length;
  for (const part of parts) {
    const found = label.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return label.length - last.length >= at && label.endsWith(last);
}

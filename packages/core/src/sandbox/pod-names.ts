import { join } from "node:path";

import type { NamespacePaths } from "@crib/sandboxer";

import type { PodIdentity } from "./types.ts";

/** Where a daemon keeps what it makes; every name below derives from the sandbox id (DESIGN, section 4). */
export interface Places {
  /** Durable, for example `/var/lib/crib`. */
  readonly root: string;
  /** Volatile, for example `/run/crib`. */
  readonly state: string;
  /** Where network namespaces are pinned, for example `/run/netns`. */
  readonly netnsDir: string;
}

/** The name that two requests for the same pod share. */
export function sandboxName(pod: PodIdentity): string {
  return `${pod.name}_${pod.namespace}_${pod.uid}_${pod.attempt}`;
}

/** Directory of the files and the record that live as long as the sandbox. */
export function sandboxRootDir(places: Places, id: string): string {
  return join(places.root, "sandboxes", id);
}

/** Volatile directory of the sandbox. */
export function sandboxStateDir(places: Places, id: string): string {
  return join(places.state, "sandboxes", id);
}

/** Paths at which the namespaces of a sandbox are pinned. */
export function namespacePaths(
  places: Places,
  id: string,
  wanted: { readonly net: boolean; readonly ipc: boolean; readonly uts: boolean; readonly user: boolean },
): NamespacePaths {
  const dir = join(sandboxStateDir(places, id), "ns");
  return {
    ...(wanted.net ? { net: join(places.netnsDir, `crib-${id}`) } : {}),
    ...(wanted.ipc ? { ipc: join(dir, "ipc") } : {}),
    ...(wanted.uts ? { uts: join(dir, "uts") } : {}),
    ...(wanted.user ? { user: join(dir, "user") } : {}),
  };
}

/**
 * The pod's cgroup below its parent. A systemd slice name (`a-b.slice`) stands for the nested path that systemd makes
 * of it (systemd.slice(5)).
 */
export function podCgroupPath(parent: string, id: string): string {
  const path = parent.endsWith(".slice") ? expandSlice(parent) : parent;
  return `${path === "/" ? "" : path.replace(/\/+$/, "")}/crib-${id}`;
}

function expandSlice(parent: string): string {
  const cut = parent.lastIndexOf("/");
  // A slice given with its path needs no expansion: the kubelet gives either form.
  if (cut > 0) return parent;
  const slice = parent.slice(cut + 1, -".slice".length);
  if (slice === "-") return "";
  const parts = slice.split("-");
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("-")}.slice`).join("");
}

/** The host name of a pod: as asked; the host's for host network pods; else its name where that can be one, else the id's start. */
export function podHostname(
  asked: string,
  hostNetwork: boolean,
  podName: string,
  id: string,
  hostHostname: string,
): string {
  if (asked !== "") return asked;
  if (hostNetwork) return hostHostname;
  const label = podName
    .toLowerCase()
    .slice(0, 63)
    .replace(/[.-]+$/, "");
  return /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(label) ? label : id.slice(0, 12);
}

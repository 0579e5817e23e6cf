import { readlinkSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";
import type { NamespacePaths, ProcessIdentity, Sandbox } from "@crib/sandboxer";

import type { SandboxerConfig } from "./types.ts";

/** What a sandboxer has told of the namespaces that it made. */
export interface ToldNamespaces {
  readonly pid: number;
  /** The process of that pid, if one lives and is the pod's. */
  readonly process: ProcessIdentity | undefined;
  /** The OCI runtime spec that it answered, as JSON text. */
  readonly spec: string | undefined;
}

type Kind = keyof NamespacePaths;

const specTypes: Readonly<Record<string, Kind>> = { network: "net", ipc: "ipc", uts: "uts", pid: "pid", user: "user" };

/**
 * The namespaces that containers of a pod join: those that crib pinned; those of the answered spec; none where they are those of the
 * answered process, since whoever needs one looks at it then. Where there is neither: the literal `/proc/0/ns/...` that Kuasar's task
 * services replace, if the sandboxer is configured so; else FailedPrecondition, with what is missing.
 */
export function instanceNamespaces(
  sandbox: Sandbox,
  told: ToldNamespaces,
  namespacePaths: SandboxerConfig["namespacePaths"],
): NamespacePaths {
  const paths: Partial<Record<Kind, string>> = { ...pathsOfSpec(told), ...sandbox.namespaces };
  const missing = wanted(sandbox).filter((kind) => paths[kind] === undefined && !ownedBy(told.process, kind));
  if (missing.length === 0) return paths;
  if (namespacePaths === "proc") {
    return { ...paths, ...Object.fromEntries(missing.map((kind) => [kind, `/proc/0/ns/${kind}`])) };
  }
  throw new StatusError(
    Code.FailedPrecondition,
    `it named no ${missing.join(" and no ")} namespace for containers to join: ${sayProcess(told)}, and no spec with its path ` +
      `(namespace_paths = "proc" is for sandboxers and shims that put in their own)`,
  );
}

/** The namespaces that the pod has of its own. */
function wanted(sandbox: Sandbox): readonly Kind[] {
  return [
    ...(sandbox.hostNetwork ? [] : (["net", "uts"] as const)),
    ...(sandbox.hostIpc ? [] : (["ipc"] as const)),
    ...(sandbox.pidMode === "pod" ? (["pid"] as const) : []),
  ];
}

/** A process in the host's namespace, such as a virtual machine monitor, has none of that kind to give. */
function ownedBy(process: ProcessIdentity | undefined, kind: Kind): boolean {
  if (process === undefined) return false;
  try {
    return readlinkSync(`/proc/${process.pid}/ns/${kind}`) !== readlinkSync(`/proc/self/ns/${kind}`);
  } catch {
    return false; // it ended just now
  }
}

function sayProcess({ pid, process }: ToldNamespaces): string {
  if (pid === 0) return "it answered pid 0";
  if (process === undefined)
    return `it answered pid ${pid}, which is no process in the pod's cgroup or network namespace on this host`;
  return `its process ${pid} is in those of the host`;
}

function pathsOfSpec(told: ToldNamespaces): NamespacePaths {
  if (told.spec === undefined) return {};
  const spec = JSON.parse(told.spec) as { readonly linux?: { readonly namespaces?: unknown } };
  const listed: readonly unknown[] = Array.isArray(spec.linux?.namespaces) ? spec.linux.namespaces : [];
  const paths: Partial<Record<Kind, string>> = {};
  for (const one of listed as readonly { readonly type?: unknown; readonly path?: unknown }[]) {
    const kind = typeof one?.type === "string" ? specTypes[one.type] : undefined;
    if (kind === undefined || typeof one.path !== "string" || one.path === "") continue;
    // Whoever needs one of the process looks whether it is still the same process; its path would outlive it.
    if (told.process !== undefined && one.path.startsWith(`/proc/${told.process.pid}/`)) continue;
    if (!one.path.startsWith("/") || one.path.startsWith("/proc/")) {
      throw new StatusError(
        Code.Internal,
        `it answered spec.linux.namespaces with path ${JSON.stringify(one.path.slice(0, 200))}: ` +
          "expected an absolute path that means the same for everybody, and as long as the sandbox lives",
      );
    }
    paths[kind] = one.path;
  }
  return paths;
}

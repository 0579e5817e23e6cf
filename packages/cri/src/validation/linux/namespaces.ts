import type { PodSandboxRequest } from "@crib/core/sandbox";
import { NamespaceMode, type NamespaceOption } from "@crib/wire/cri";

import { invalid } from "../values/invalid.ts";

/** Which namespaces a pod has of its own. */
export type NamespaceModes = Pick<PodSandboxRequest, "network" | "ipc" | "pid">;

const modes = new Map<number, "pod" | "container" | "node">([
  [NamespaceMode.POD, "pod"],
  [NamespaceMode.CONTAINER, "container"],
  [NamespaceMode.NODE, "node"],
]);
const modeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(NamespaceMode).map(([name, value]) => [value, name]),
);

/** The namespace modes of a pod sandbox. Absent options are all POD, the zero of the enumeration. */
export function checkNamespaces(options: NamespaceOption | undefined): NamespaceModes {
  const field = "config.linux.security_context.namespace_options";
  const podOrNode = (name: "network" | "ipc"): "pod" | "node" => {
    const mode = modes.get(options?.[name] ?? NamespaceMode.POD);
    if (mode === "pod" || mode === "node") return mode;
    throw invalid(`${field}.${name}`, `${modeName(options?.[name])} is not one of POD, NODE`);
  };
  const pid = modes.get(options?.pid ?? NamespaceMode.POD);
  if (!pid) throw invalid(`${field}.pid`, `${modeName(options?.pid)} is not one of POD, CONTAINER, NODE`);
  return { network: podOrNode("network"), ipc: podOrNode("ipc"), pid };
}

/** The name of a mode of the CRI; of an unknown one, its number. */
export function modeName(mode: number | undefined): string {
  return modeNames.get(mode ?? NamespaceMode.POD) ?? String(mode);
}

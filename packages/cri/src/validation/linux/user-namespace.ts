import type { PodSandboxRequest } from "@crib/core/sandbox";
import type { IdMapping } from "@crib/sandboxer";
import { type IDMapping, NamespaceMode, type UserNamespace } from "@crib/wire/cri";

import { invalid } from "../values/invalid.ts";
import { modeName } from "./namespaces.ts";

const field = "config.linux.security_context.namespace_options.userns_options";
const idSpace = 2 ** 32;

/** The user namespace of a pod: one line of uids and one of gids, each mapping id 0. Undefined for the host's. */
export function checkUserNamespace(options: UserNamespace | undefined): PodSandboxRequest["userNamespace"] {
  if (!options) return undefined;
  if (options.mode === NamespaceMode.NODE) {
    if (options.uids.length + options.gids.length > 0) throw invalid(field, "mode NODE takes no mappings");
    return undefined;
  }
  if (options.mode !== NamespaceMode.POD) {
    throw invalid(`${field}.mode`, `${modeName(options.mode)} is not one of POD, NODE`);
  }
  return { uids: [checkMapping("uids", options.uids)], gids: [checkMapping("gids", options.gids)] };
}

function checkMapping(kind: "uids" | "gids", mappings: readonly IDMapping[]): IdMapping {
  const [mapping] = mappings;
  if (!mapping || mappings.length !== 1) {
    throw invalid(`${field}.${kind}`, `exactly one mapping is needed, ${mappings.length} are given`);
  }
  const { containerId, hostId, length } = mapping;
  if (length === 0) throw invalid(`${field}.${kind}`, "the mapping has length 0");
  if (containerId !== 0)
    throw invalid(`${field}.${kind}`, `container id 0 is not mapped (it begins at ${containerId})`);
  // The last id, 2^32 - 1, means "none" to the kernel and cannot be mapped.
  if (hostId + length >= idSpace)
    throw invalid(`${field}.${kind}`, `host ids ${hostId} + ${length} go beyond 2^32 - 2`);
  return { containerId, hostId, length };
}

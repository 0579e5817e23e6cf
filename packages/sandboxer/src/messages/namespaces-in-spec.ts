import type { Any } from "@bufbuild/protobuf/wkt";

import type { NamespacePaths, SandboxInstance } from "../types.ts";

const typeUrl = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

const typeOf: Readonly<Record<keyof NamespacePaths, string>> = {
  net: "network",
  ipc: "ipc",
  uts: "uts",
  user: "user",
  pid: "pid",
};

interface Namespace {
  readonly type: string;
  readonly path?: string;
}

interface Spec {
  readonly linux?: { readonly namespaces?: readonly Namespace[] };
}

/**
 * The OCI spec that Start answers. The protocol has no field for the paths of namespaces, so they are written in the spec, where its readers look for them; a
 * boundary that has neither spec nor namespaces sends none.
 */
export function specMessage({ spec, namespaces }: SandboxInstance): Pick<Any, "typeUrl" | "value"> | undefined {
  const paths = Object.entries(namespaces).filter(
    (entry): entry is [keyof NamespacePaths, string] => entry[1] !== undefined,
  );
  if (spec === undefined && paths.length === 0) return undefined;
  const base = spec === undefined ? { ociVersion: "1.0.2" } : (JSON.parse(spec) as Spec);
  const named = paths.map(([kind, path]): Namespace => ({ type: typeOf[kind], path }));
  const others = ("linux" in base ? (base.linux?.namespaces ?? []) : []).filter(
    ({ type }) => !named.some((namespace) => namespace.type === type),
  );
  const linux = { ...("linux" in base ? base.linux : {}), namespaces: [...named, ...others] };
  return { typeUrl, value: Buffer.from(JSON.stringify({ ...base, linux })) };
}

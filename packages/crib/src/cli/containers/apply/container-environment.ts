import { expandVariables } from "./expand-variables.ts";
import { fieldValue, type PodFacts } from "./field-values.ts";
import type { ContainerManifest, PodManifest } from "./pod-manifest.ts";

/** The variables of a container, in order; a value may use those before it as `$(NAME)`. */
export function containerEnvironment(
  { env = [] }: Pick<ContainerManifest, "env">,
  manifest: PodManifest,
  facts: PodFacts,
): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const { name, value, valueFrom } of env) {
    const path = valueFrom?.fieldRef?.fieldPath;
    values.set(name, path === undefined ? expandVariables(value ?? "", values) : fieldValue(path, manifest, facts));
  }
  return values;
}

import { Code, StatusError } from "@crib/errdefs";
import type { PodSandbox } from "@crib/wire/nri";

/** Annotation by which a pod asks for plugins that it cannot do without: a YAML list of names. */
const requiredPluginsKey = "required-plugins.noderesource.dev";

/** The value of a key for a container, for the pod, or for both, the most exact first. */
function lookUp(pod: PodSandbox, key: string, container: string | undefined): string | undefined {
  const { annotations } = pod;
  const keys = [...(container === undefined ? [] : [`${key}/container.${container}`]), `${key}/pod`, key];
  const found = keys.find((name) => Object.hasOwn(annotations, name));
  return found === undefined ? undefined : annotations[found];
}

/** Plugins that a pod asks for itself. Throws FailedPrecondition on a list that cannot be read. */
export function requiredByPod(pod: PodSandbox, container: string | undefined): readonly string[] {
  const text = lookUp(pod, requiredPluginsKey, container);
  if (text === undefined) return [];
  const names = parseNames(text);
  if (names !== undefined) return names;
  throw new StatusError(
    Code.FailedPrecondition,
    `annotation "${requiredPluginsKey}" of pod "${pod.name}": ${JSON.stringify(text.slice(0, 100))} is not a list of names`,
  );
}

/** Whether a pod does without plugins that are required. Throws FailedPrecondition on anything but a boolean. */
export function toleratesMissing(pod: PodSandbox, key: string, container: string | undefined): boolean {
  if (key === "") return false;
  const text = lookUp(pod, key, container);
  if (text === undefined) return false;
  const value = parseBoolean(text);
  if (value !== undefined) return value;
  throw new StatusError(
    Code.FailedPrecondition,
    `annotation "${key}" of pod "${pod.name}": ${JSON.stringify(text.slice(0, 100))} is not true or false`,
  );
}

/** Whether some container of a pod does without them by its own annotation: then the pod itself must be let run. */
export function someContainerTolerates(pod: PodSandbox, key: string): boolean {
  if (key === "") return false;
  const prefix = `${key}/container.`;
  return Object.entries(pod.annotations).some(
    ([name, value]) => name.startsWith(prefix) && parseBoolean(value) === true,
  );
}

/** The words that Go's strconv.ParseBool takes. */
function parseBoolean(text: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  return undefined;
}

/** A YAML list of plain or quoted words, in either of YAML's two ways; nothing else of YAML makes sense here. */
function parseNames(text: string): readonly string[] | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return [];
  const isFlow = trimmed.startsWith("[") && trimmed.endsWith("]");
  const inner = trimmed.slice(1, -1).trim();
  const items = isFlow
    ? inner === ""
      ? []
      : inner.split(",")
    : trimmed
        .split("\n")
        .filter((line) => line.trim() !== "")
        .map((line) => /^\s*- +(.*)$/.exec(line)?.[1] ?? "");
  const names = items.map((item) => /^\s*(["']?)([A-Za-z0-9_.+-]+)\1\s*$/.exec(item)?.[2]);
  return names.some((name) => name === undefined) ? undefined : (names as string[]);
}

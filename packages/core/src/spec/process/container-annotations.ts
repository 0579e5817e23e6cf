import { matchesGlob } from "../../sandbox/glob.ts";
import type { SpecInput } from "../types.ts";

const cri = "io.kubernetes.cri";

/** Keys that decide about shims and sandboxes: nobody sets them, whatever a handler lets through. */
const isReserved = (key: string): boolean => key.startsWith(`${cri}.`) || key.startsWith("io.containerd.");

/**
 * The annotations of a container's specification (containerd.md 1.3.4): whose it is, and of those of the pod and of the container
 * only what the runtime handler lists. Runtimes read settings out of annotations, so no other may reach them (CVE-2023-6476).
 */
export function containerAnnotations(
  input: Pick<SpecInput, "plan" | "sandbox" | "handler">,
): Readonly<Record<string, string>> {
  const { plan, sandbox, handler } = input;
  const globs = handler.containerAnnotations ?? [];
  const isListed = ([key]: readonly [string, string]): boolean => globs.some((glob) => matchesGlob(key, glob));
  const passed = [
    ...Object.entries(sandbox.plan.passedAnnotations),
    ...Object.entries(plan.annotations).filter(isListed),
  ].filter(([key]) => !isReserved(key));
  return {
    ...Object.fromEntries(passed),
    [`${cri}.container-type`]: "container",
    [`${cri}.sandbox-id`]: sandbox.id,
    [`${cri}.sandbox-namespace`]: sandbox.plan.pod.namespace,
    [`${cri}.sandbox-uid`]: sandbox.plan.pod.uid,
    [`${cri}.sandbox-name`]: sandbox.plan.pod.name,
    [`${cri}.container-name`]: plan.name,
    [`${cri}.image-name`]: plan.userSpecifiedImage === "" ? plan.image : plan.userSpecifiedImage,
  };
}

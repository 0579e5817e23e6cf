import { Code, StatusError } from "@crib/errdefs";

import type { ContainerPlan } from "../../../containers/types.ts";

/** Annotations by which device plugins ask for devices where the CRI field is not used. */
const annotationPrefix = "cdi.k8s.io/";

/** `vendor.com/class` (CDI specification, "Kind requirements"). */
export const kindPattern = /^[A-Za-z]([A-Za-z0-9_.-]*[A-Za-z0-9])?\/[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?$/;
/** Name of a device of a kind. */
export const devicePattern = /^[A-Za-z0-9]([A-Za-z0-9_.:-]*[A-Za-z0-9])?$/;

/** The CDI devices that a container asks for, by the CRI's field and by annotations, each once. InvalidArgument for what is no such name. */
export function cdiDeviceNames({
  cdiDevices,
  annotations,
}: Pick<ContainerPlan, "cdiDevices" | "annotations">): string[] {
  const annotated = Object.entries(annotations)
    .filter(([key]) => key.startsWith(annotationPrefix))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, value]) => value.split(",").map((name) => name.trim()));
  const names = [...new Set([...cdiDevices, ...annotated])];
  for (const name of names) {
    const at = name.indexOf("=");
    if (at > 0 && kindPattern.test(name.slice(0, at)) && devicePattern.test(name.slice(at + 1))) continue;
    throw new StatusError(Code.InvalidArgument, `adding CDI device "${name}": it is no "vendor/class=name"`);
  }
  return names;
}

import { Code, StatusError } from "@crib/errdefs";
import type { Mount } from "@crib/linux";

import type { MountRequest } from "../../containers/types.ts";

/**
 * FailedPrecondition when the mount that a host path (without symbolic links) lies on does not propagate as asked: towards the container it must
 * be shared or a slave, both ways shared.
 */
export function checkPropagation(
  propagation: MountRequest["propagation"],
  path: string,
  table: readonly Mount[],
): void {
  if (propagation === "private") return;
  const mount = mountOf(path, table);
  const has = (kind: string): boolean => mount?.propagation.some((tag) => tag.startsWith(`${kind}:`)) ?? false;
  if (has("shared") || (propagation === "host-to-container" && has("master"))) return;
  const wanted = propagation === "bidirectional" ? "shared" : "shared nor slave";
  const where = mount === undefined ? "in no mount" : `mounted on "${mount.mountPoint}"`;
  const not = propagation === "bidirectional" ? "not" : "neither";
  throw new StatusError(
    Code.FailedPrecondition,
    `mounting "${path}" with ${propagation} propagation: it is ${where}, which is ${not} ${wanted}`,
  );
}

/** The innermost mount; of several on one place the latest. */
function mountOf(path: string, table: readonly Mount[]): Mount | undefined {
  const above = table.filter(({ mountPoint }) => isWithin(path, mountPoint));
  return above.reduce<Mount | undefined>(
    (best, mount) => (best === undefined || mount.mountPoint.length >= best.mountPoint.length ? mount : best),
    undefined,
  );
}

function isWithin(path: string, directory: string): boolean {
  return directory === "/" || path === directory || path.startsWith(`${directory}/`);
}

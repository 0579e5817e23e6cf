import { setImmediate as turn } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";
import { relabelTree } from "@crib/linux";

/** Milliseconds of work between two turns of everything else. */
const sliceMs = 2;
/** Labelled as a container's, these would be closed to the host's own services. */
const forbidden: ReadonlySet<string> = new Set(
  [
    "/ /bin /boot /dev /etc /etc/pki /home /lib /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /usr/bin",
    "/usr/lib /usr/lib64 /usr/sbin /var /var/lib /var/log /var/run /var/tmp",
  ].flatMap((line) => line.split(" ")),
);

/**
 * Gives all that a container mounts from a path (without symbolic links) the label of its files, so that SELinux lets it, and no other pod, have them.
 * InvalidArgument for directories that the host cannot do without.
 */
export async function relabel(path: string, label: string): Promise<void> {
  if (forbidden.has(path)) {
    throw new StatusError(Code.InvalidArgument, `labelling "${path}" for a container: the host needs it as it is`);
  }
  let sliceEnd = performance.now() + sliceMs;
  for (const _ of relabelTree(path, label)) {
    if (performance.now() < sliceEnd) continue;
    await turn();
    sliceEnd = performance.now() + sliceMs;
  }
}

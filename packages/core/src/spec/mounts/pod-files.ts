import { stat } from "node:fs/promises";
import { basename, join } from "node:path";

import { hasCode, Code, StatusError } from "@crib/errdefs";
import type { Mount } from "@crib/oci-spec";

import type { SpecInput } from "../types.ts";
import { canIdmap } from "./runtime-mounts.ts";
import { specIdMappings } from "./spec-id-mappings.ts";

/** Where files of the pod are in its containers. */
export const podFileNames: ReadonlySet<string> = new Set(["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"]);

/** What the pod's containers share: hostname, hosts, resolv.conf and shared memory, those of them that are there. */
export async function podFiles(input: SpecInput): Promise<readonly Mount[]> {
  const { rootDir, shmPath } = input.sandbox.plan;
  const access = input.plan.security.readonlyRootfs ? "ro" : "rw";
  const files = [...podFileNames].map((destination) => ({
    destination,
    type: "bind",
    source: join(rootDir, basename(destination)),
    options: ["rbind", "rprivate", access, ...mapped(input).options],
    ...mapped(input).mappings,
  }));
  // Its tmpfs belongs to the root of the pod's user namespace already.
  const shm = { destination: "/dev/shm", type: "bind", source: shmPath, options: ["rbind", "rprivate", "rw"] };
  const mounts = [...files, shm];
  const isThere = await Promise.all(mounts.map(({ source }) => exists(source)));
  return mounts.filter((_, index) => isThere[index]);
}

/** The files are the host's root's; a container that is not read-only may change them. */
function mapped(input: SpecInput): { readonly options: readonly string[]; readonly mappings: Partial<Mount> } {
  const { userNamespace } = input.sandbox.plan;
  if (userNamespace === undefined || !canIdmap(input)) return { options: [], mappings: {} };
  const { uids, gids } = specIdMappings(userNamespace);
  return { options: ["idmap"], mappings: { uidMappings: uids, gidMappings: gids } };
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (reason) {
    const error = StatusError.from(reason, `looking for "${path}"`);
    if (hasCode(error, Code.NotFound)) return false;
    throw error;
  }
}

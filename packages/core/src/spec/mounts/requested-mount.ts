import { isAbsolute } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import { type Mount as HostMount, readMounts } from "@crib/linux";
import type { Mount } from "@crib/oci-spec";

import type { MountRequest } from "../../containers/types.ts";
import type { SpecInput } from "../types.ts";
import { cleanContainerPath } from "./container-path.ts";
import { resolveHostPaths } from "./host-path.ts";
import { checkPropagation } from "./propagation.ts";
import { canIdmap, canMountRecursivelyReadOnly } from "./runtime-mounts.ts";
import { specIdMappings } from "./spec-id-mappings.ts";

/** A mount of the request, and what it needs the root of the container to be. */
export interface RequestedMount {
  readonly mount: Mount;
  readonly rootfsPropagation?: "shared" | "slave";
}

const propagations = {
  private: { option: "rprivate" },
  "host-to-container": { option: "rslave", rootfsPropagation: "slave" },
  bidirectional: { option: "rshared", rootfsPropagation: "shared" },
} as const;

/** The mounts that the request asks for, in its order. Nothing is made on the host when one of them cannot be. */
export async function requestedMounts(input: SpecInput): Promise<readonly RequestedMount[]> {
  const { mounts } = input.plan;
  for (const mount of mounts) checkForm(mount, input);
  const ofHost = mounts.filter(({ image }) => image === undefined);
  const isPropagated = ofHost.some(({ propagation }) => propagation !== "private");
  const [sources, table] = await Promise.all([
    resolveHostPaths(ofHost.map(({ hostPath }) => hostPath)),
    isPropagated ? readMounts() : [],
  ]);
  const bySource = new Map(ofHost.map((mount, index) => [mount, sources[index]]));
  return mounts.map((mount) => requestedMount(mount, input, { source: bySource.get(mount), table }));
}

function checkForm(request: MountRequest, input: SpecInput): void {
  const { containerPath, hostPath, image } = request;
  cleanContainerPath(containerPath, "mounting");
  if (image === undefined && (!isAbsolute(hostPath) || hostPath.includes("\0"))) {
    const why = `host path "${hostPath}" is not absolute`;
    throw new StatusError(Code.InvalidArgument, `mounting at "${containerPath}": ${why}`);
  }
  accessOption(request, input);
  idMapped(request, input);
}

function requestedMount(
  request: MountRequest,
  input: SpecInput,
  { source, table }: { readonly source: string | undefined; readonly table: readonly HostMount[] },
): RequestedMount {
  const destination = cleanContainerPath(request.containerPath, "mounting");
  const access = accessOption(request, input);
  if (source === undefined) return { mount: imageMount(destination, input) };
  const { option, ...rootfs } = propagations[request.propagation];
  checkPropagation(request.propagation, source, table);
  const mapped = idMapped(request, input);
  const options = ["rbind", option, access, ...mapped.options];
  return { mount: { destination, type: "bind", source, options, ...mapped.mappings }, ...rootfs };
}

function imageMount(destination: string, { volumes }: SpecInput): Mount {
  const isSame = (path: string): boolean => cleanContainerPath(path, "mounting") === destination;
  const volume = volumes.find(({ image, containerPath }) => image !== undefined && isSame(containerPath));
  if (!volume) throw new StatusError(Code.Internal, `mounting an image at "${destination}": it was not prepared`);
  return { destination, type: "bind", source: volume.source, options: ["rbind", "rprivate", "ro"] };
}

function accessOption(request: MountRequest, input: SpecInput): "rw" | "ro" | "rro" {
  const { readonly, recursiveReadOnly, propagation, containerPath } = request;
  if (!recursiveReadOnly) return readonly ? "ro" : "rw";
  const refuse = (why: string): never => {
    throw new StatusError(Code.InvalidArgument, `mounting at "${containerPath}" recursively read-only: ${why}`);
  };
  if (!readonly) refuse("it is not asked to be read-only");
  if (propagation !== "private") refuse("only private propagation goes with that");
  if (!canMountRecursivelyReadOnly(input)) {
    refuse(`the kernel or the runtime of handler "${input.handler.name}" cannot`);
  }
  return "rro";
}

function idMapped(
  { idMappings, containerPath }: MountRequest,
  input: SpecInput,
): { readonly options: readonly string[]; readonly mappings: Partial<Mount> } {
  if (idMappings === undefined) return { options: [], mappings: {} };
  if (!canIdmap(input)) {
    const why = `the runtime of handler "${input.handler.name}" makes no id-mapped mounts`;
    throw new StatusError(Code.InvalidArgument, `mounting at "${containerPath}" with mapped ids: ${why}`);
  }
  const { uids, gids } = specIdMappings(idMappings);
  return { options: ["idmap"], mappings: { uidMappings: uids, gidMappings: gids } };
}

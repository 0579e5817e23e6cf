import { Code, StatusError } from "@crib/errdefs";
import type { Mount as HostMount } from "@crib/linux";
import type { Mount } from "@crib/oci-spec";

import type { MountRequest } from "../../containers/types.ts";
import type { SpecInput } from "../types.ts";
import { cleanContainerPath } from "./container-path.ts";
import { resolveHostPath } from "./host-path.ts";
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

/** One mount that the request asks for; `table` is the host's mounts where propagation is asked for. */
export async function requestedMount(
  request: MountRequest,
  input: SpecInput,
  table: readonly HostMount[],
): Promise<RequestedMount> {
  const destination = cleanContainerPath(request.containerPath, "mounting");
  const access = accessOption(request, input);
  if (request.image !== undefined) return { mount: imageMount(destination, input) };
  const { option, ...rootfs } = propagations[request.propagation];
  const source = await resolveHostPath(request.hostPath, `mounting at "${destination}"`);
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

import { Code, StatusError } from "@crib/errdefs";
import type { ImageReference } from "@crib/oci-spec";

import type { Endpoint } from "../hosts/endpoint.ts";
import type { Transport } from "../http/transport.ts";
import type { Credentials, FetchOptions } from "../types.ts";

/** One call of a client, for all hosts that it may ask. */
export interface FetchRequest {
  readonly transport: Transport;
  readonly reference: ImageReference;
  /** In the order in which they are asked; at least one. */
  readonly endpoints: readonly Endpoint[];
  readonly options: FetchOptions;
  /** What messages begin with. */
  readonly doing: string;
  readonly signal: AbortSignal;
}

/** Looks up the credentials for one host, which are given to no other one. */
export async function findCredentials(request: FetchRequest, endpoint: Endpoint): Promise<Credentials | undefined> {
  const { options, reference } = request;
  try {
    return await options.credentials?.(endpoint.credentialsHost, reference.repository);
  } catch (reason) {
    throw StatusError.from(reason, `finding credentials for "${endpoint.credentialsHost}"`);
  }
}

/** The endpoints that may be asked for this. FailedPrecondition when the configuration allows none, DataLoss when all are skipped. */
export function choose(
  endpoints: readonly Endpoint[],
  capability: "pull" | "resolve",
  options: FetchOptions,
  doing: string,
): readonly Endpoint[] {
  const able = endpoints.filter(({ capabilities }) => capabilities[capability]);
  if (able.length === 0) {
    const hosts = endpoints.map(({ host }) => host).join(", ");
    throw new StatusError(Code.FailedPrecondition, `${doing}: no host has the capability "${capability}" (${hosts})`);
  }
  const chosen = able.filter(({ host }) => options.skipHosts?.has(host) !== true);
  if (chosen.length > 0) return chosen;
  const hosts = able.map(({ host }) => host).join(", ");
  throw new StatusError(Code.DataLoss, `${doing}: every host has served something wrong (${hosts})`);
}

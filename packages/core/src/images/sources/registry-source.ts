import type { ImageReference } from "@crib/oci-spec";
import type { Credentials, FetchOptions, FindCredentials, RegistryClient } from "@crib/registry";

import type { ImageSource } from "./image-source.ts";

/**
 * The image that a reference names in its registry or the mirrors of that. A caller's credentials are for the reference's own
 * registry; other hosts get those of the configuration.
 */
export function registrySource(
  client: RegistryClient,
  reference: ImageReference,
  credentials: Credentials | undefined,
  configured: FindCredentials,
): ImageSource {
  const find: FindCredentials = async (host, repository) =>
    credentials !== undefined && host === reference.registry ? credentials : await configured(host, repository);
  const options: FetchOptions = { credentials: find };
  return {
    fetchManifest: (signal) => client.fetchManifest(reference, options, signal),
    fetchByDigest: (descriptor, signal) => client.fetchManifestByDigest(reference, descriptor, options, signal),
    fetchSmallBlob: (descriptor, limitBytes, signal) =>
      client.fetchSmallBlob(reference, descriptor, limitBytes, options, signal),
    openBlob: (descriptor, { offset, skipHosts }, signal) =>
      client.openBlob(reference, descriptor, { ...options, offset, skipHosts, verify: false }, signal),
  };
}

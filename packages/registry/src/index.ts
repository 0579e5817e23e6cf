export { createRegistryClient } from "./registry-client.ts";
export type {
  BlobOptions,
  BlobStream,
  Credentials,
  FetchedManifest,
  FetchOptions,
  FindCredentials,
  RegistryClient,
  RegistryOptions,
} from "./types.ts";

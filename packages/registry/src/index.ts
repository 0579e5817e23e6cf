export { type AuthFields, parseAuthConfig } from "./auth/auth-config.ts";
export { readDockerConfigCredentials } from "./auth/docker-config.ts";
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

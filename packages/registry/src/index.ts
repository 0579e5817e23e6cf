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
